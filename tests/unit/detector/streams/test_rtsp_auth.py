"""Responses to authentication challenges, with the examples of the RFCs."""

from cctv.streams.rtsp_auth import authorization, parse_challenge, strongest
from vigil_contracts.stream_url import Credentials

RFC_7616 = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
MUFASA = Credentials("Mufasa", "Circle of Life")
CLIENT_NONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


def test_digest_with_sha_256_as_in_rfc_7616_section_3_9_1() -> None:
    challenge = parse_challenge(RFC_7616.format(algorithm="SHA-256"))
    assert challenge is not None

    answer = authorization(challenge, MUFASA, "GET", "/dir/index.html", 1, CLIENT_NONCE)

    assert 'response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"' in answer
    assert "algorithm=SHA-256" in answer
    assert "nc=00000001" in answer


def test_digest_with_md5_as_in_rfc_7616_section_3_9_1() -> None:
    challenge = parse_challenge(RFC_7616.format(algorithm="MD5"))
    assert challenge is not None

    answer = authorization(challenge, MUFASA, "GET", "/dir/index.html", 1, CLIENT_NONCE)

    assert 'response="8ca523f5e9506fed4657c9700eebdbec"' in answer


def test_digest_without_qop_as_in_rfc_2069() -> None:
    challenge = parse_challenge('Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"')
    assert challenge is not None

    answer = authorization(challenge, Credentials("Mufasa", "CircleOfLife"), "GET", "/dir/index.html", 1)

    # By hand: MD5(MD5(user:realm:password) : nonce : MD5(GET:/dir/index.html)).
    assert 'response="1949323746fe6a43ef61f9606e7febea"' in answer
    assert "qop" not in answer
    assert "nc=" not in answer


def test_basic_as_in_rfc_7617_section_2() -> None:
    challenge = parse_challenge('Basic realm="WallyWorld"')
    assert challenge is not None

    answer = authorization(challenge, Credentials("Aladdin", "open sesame"), "DESCRIBE", "rtsp://host/", 1)

    assert answer == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="


def test_a_quotation_mark_in_the_user_is_escaped() -> None:
    challenge = parse_challenge('Digest realm="r", nonce="n"')
    assert challenge is not None

    assert 'username="a\\"b\\\\c"' in authorization(challenge, Credentials('a"b\\c', "x"), "PLAY", "rtsp://h/", 1)


def test_strongest_supported_challenge_is_answered() -> None:
    offered = [
        'Basic realm="r"',
        'Digest realm="r", nonce="1"',
        'Digest realm="r", nonce="2", algorithm=SHA-256',
        'Digest realm="r", nonce="3", algorithm=SHA3-999',
        "Negotiate abc==",
    ]

    best = strongest(offered)

    assert best is not None
    assert (best.algorithm, best.nonce) == ("sha-256", "2")
    assert strongest(['Digest realm="r", nonce="n", qop="auth-int"']) is None
    assert strongest([]) is None


def test_stale_nonce_is_distinguished_from_a_wrong_password() -> None:
    stale = parse_challenge('Digest realm="r", nonce="n", stale=TRUE')
    wrong = parse_challenge('Digest realm="r", nonce="n"')

    assert stale is not None
    assert stale.stale
    assert wrong is not None
    assert not wrong.stale
