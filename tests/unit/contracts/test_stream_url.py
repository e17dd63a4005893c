"""Credentials of any form are masked, and survive splitting and joining."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil_contracts.stream_url import (
    Credentials,
    InvalidStreamUrlError,
    check_stream_path,
    credentials_problem,
    fill_placeholders,
    join_credentials,
    mask_stream_url,
    redact,
    secrets_of,
    split_credentials,
    validate_stream_url,
    with_path,
)

any_text = st.text(alphabet=string.printable.strip() + "äß€", min_size=1, max_size=20)


@given(username=any_text, password=any_text)
def test_split_undoes_join(username: str, password: str) -> None:
    bare = "rtsp://camera.example:554/Streaming/Channels/101"
    credentials = Credentials(username, password)
    assert split_credentials(join_credentials(bare, credentials)) == (bare, credentials)


@given(password=st.text(alphabet=string.ascii_letters + string.digits + "@:/?#%&", min_size=8, max_size=20))
def test_masked_and_redacted_texts_contain_no_password(password: str) -> None:
    url = join_credentials("rtsp://camera.example/live", Credentials("viewer", password))
    assert mask_stream_url(url) == "rtsp://***@camera.example/live"
    noise = f"cannot open {url}: password {password} refused"
    assert password not in redact(noise, secrets_of(url))


def test_a_token_in_the_query_is_masked() -> None:
    url = "rtsp://camera.example/live?user=me&password=hunter22"
    assert mask_stream_url(url) == "rtsp://camera.example/live?***"
    assert "hunter22" not in redact(f"GET /live?user=me&password=hunter22 of {url}", secrets_of(url))


XMEYE = "rtsp://10.0.0.8:554/user=admin_password=tlJwpbo6_channel=1_stream=0.sdp"
SECRET_IN_PATHS = "tlJwpbo6"
PASSWORDS_IN_PATHS = [
    (f"{XMEYE}?real_stream", "rtsp://10.0.0.8:554/user=***_password=***_channel=1_stream=0.sdp?***"),
    ("rtsp://h/user=admin&password=tlJwpbo6&channel=2", "rtsp://h/user=***&password=***&channel=2"),
    ("rtsp://h/USER=a_b_PassWord=tlJwpbo6_channel=1", "rtsp://h/USER=***_PassWord=***_channel=1"),
    ("rtsp://h/live;pwd=tlJwpbo6", "rtsp://h/live;pwd=***"),
    ("rtsp://h/av0_0&loginuse=admin&loginpas=tlJwpbo6", "rtsp://h/av0_0&loginuse=***&loginpas=***"),
    ("rtsp://h/cam1,user:admin,pw=tlJwpbo6", "rtsp://h/cam1,***,pw=***"),
    ("rtsp://h/0/admin:tlJwpbo6/main", "rtsp://h/0/***/main"),
    ("rtsp://h/0/admin%3AtlJwpbo6/main", "rtsp://h/0/***/main"),
    ("rtsp://h/auth/YWRtaW46dGxKd3BibzY=/1", "rtsp://h/auth/***/1"),
    ("rtsp://h/user%3Dadmin_password%3DtlJwpbo6_channel%3D1", "rtsp://h/user%3D***_password%3D***_channel%3D1"),
    ("rtsp://h/p%61ssword=tlJwpbo6", "rtsp://h/***"),
    ("rtsp://h/live?access_token=tlJwpbo6", "rtsp://h/live?***"),
    ("rtsp://h/user/admin/password/tlJwpbo6/ch1?x=1", "rtsp://h/user/admin/password/***/ch1?***"),
    ("rtsp://h/Pwd/tlJwpbo6", "rtsp://h/Pwd/***"),
    ("rtsps://h:7441/tlJwpbo6?enableSrtp", "rtsps://h:7441/***?***"),
    ("rtsp://admin:12/tlJwpbo6@10.0.0.8/live", "rtsp://***@10.0.0.8/live"),
    ("rtsp://admin:12?tlJwpbo6@10.0.0.8/live", "rtsp://***@10.0.0.8/live"),
    ("rtsp://admin:12#tlJwpbo6@10.0.0.8/live", "rtsp://***@10.0.0.8/live"),
    ("rtsp://admin:tlJwpbo6@h/x@10.0.0.8/live", "rtsp://***@10.0.0.8/live"),
]


@pytest.mark.parametrize(("url", "masked"), PASSWORDS_IN_PATHS)
def test_passwords_in_the_path_are_masked_and_redacted(url: str, masked: str) -> None:
    assert mask_stream_url(url) == masked
    path = url.partition("://")[2].partition("/")[2]
    for text in (f"cannot open {url}", f"GET /{path}", f"the secret is {SECRET_IN_PATHS}, it says"):
        redacted = redact(text, secrets_of(url))
        assert SECRET_IN_PATHS not in redacted
        assert "YWRtaW46dGxKd3BibzY" not in redacted


def test_empty_passwords_and_separators_in_passwords() -> None:
    assert mask_stream_url("rtsp://h/user=admin_password=_channel=1") == "rtsp://h/user=***_password=_channel=1"
    assert mask_stream_url("rtsp://h/live;pwd=x/y;z?a") == "rtsp://h/live;pwd=***?***"


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://10.0.0.8:554/Streaming/Channels/102",
        "rtsp://h/h264Preview_01_main",
        "rtsp://h/axis-media/media.amp",
        "rtsp://h/chID=1&streamType=main&linkType=tcp",
        "rtsp://h/trackID:1",
        "rtsp://h/archive/12:30:00",
        "rtsp://[fd00::1]:322/live/ch00_0",
        "rtsp://h:7447/live",
    ],
)
def test_paths_without_credentials_are_unchanged(url: str) -> None:
    assert mask_stream_url(url) == url == validate_stream_url(url)
    assert secrets_of(url) == [url]
    check_stream_path(f"/{url.partition('://')[2].partition('/')[2]}")


@given(password=st.text(alphabet=string.ascii_letters + string.digits + "_&;,!.-%/:@", min_size=6, max_size=20))
@pytest.mark.parametrize("between", ["_", "&", ";"])
def test_no_password_in_a_path_survives(between: str, password: str) -> None:
    fields = between.join(("user=Quux", f"password={password}", "channel=1", "stream=0.sdp"))
    masked = mask_stream_url(f"rtsp://10.0.0.8/{fields}").removeprefix("rtsp://10.0.0.8/")
    hidden = between.join(("user=***", "password=***"))
    whole = between.join((hidden, "channel=1", "stream=0.sdp"))
    assert masked in {whole, hidden, "***"}, "what looks like more credentials is masked too"


@pytest.mark.parametrize(
    ("url", "separator", "written"),
    [
        ("rtsp://admin:12/34secret@10.0.0.8/live", "/", "%2F"),
        ("rtsp://admin:ab/34secret@10.0.0.8/live", "/", "%2F"),
        ("rtsp://admin:12?34secret@10.0.0.8/live", "?", "%3F"),
        ("rtsp://admin:12#34secret@10.0.0.8/live", "#", "%23"),
        ("rtsps://admin:x34secret@home/y@camera.example/live", "/", "%2F"),
        ("RTSP://ad/34secret:12@camera.example", "/", "%2F"),
        ("rtsp://camera.example/live?user=me@34secret.example", "/", "%2F"),
    ],
)
def test_ambiguous_user_info_is_rejected_with_the_correct_form(url: str, separator: str, written: str) -> None:
    with pytest.raises(InvalidStreamUrlError) as raised:
        validate_stream_url(url)
    assert f"write {separator} as {written}" in str(raised.value)
    assert "@ as %40" in str(raised.value)
    assert "34secret" not in str(raised.value)
    assert "34secret" not in redact(f"cannot open {url}", secrets_of(url))


def test_parts_of_ambiguous_user_info_are_redacted() -> None:
    secrets = secrets_of("rtsp://admin:12/34secret@10.0.0.8/live")
    for text in ("the host admin has no path /34secret@10.0.0.8/live", "password 34secret", "admin:12/34secret"):
        assert "34secret" not in redact(text, secrets)


@pytest.mark.parametrize("url", ["rtsp://a%2Fb:1%3F%23@10.0.0.8/x", "rtsp://10.0.0.8:554/x?user=me@b.example"])
def test_escaped_user_info_is_accepted(url: str) -> None:
    assert validate_stream_url(url) == url


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("rtsp://adm%0Ain:secret@h/x", "is not usable: the user name must not contain control characters"),
        ("rtsp://admin:secret%0D%0A@h/x", "is not usable: the password must not contain control characters"),
        ("rtsp://admin:secret%00@h/x", "is not usable: the password must not contain control characters"),
        ("rtsp://admin:secret%E4@h/x", "must have user name and password in UTF-8"),
    ],
)
def test_invalid_credentials_are_rejected(url: str, words: str) -> None:
    with pytest.raises(InvalidStreamUrlError, match=f"^{words}") as raised:
        validate_stream_url(url)
    assert "secret" not in str(raised.value)


def test_spaces_and_unicode_letters_are_accepted() -> None:
    assert credentials_problem(Credentials("Jörg", "two words\u00a0ß€")) is None


def test_placeholders_are_replaced_by_credentials() -> None:
    path = "/user={username}_password={password}_channel=1_stream=1.sdp"
    check_stream_path(path)
    assert with_path(XMEYE, path) == XMEYE.replace("stream=0", "stream=1")
    filled = "rtsp://ann%2F:p%40@h/user=ann%2F_password=p%40_channel=1_stream=1.sdp"
    assert with_path("rtsp://ann%2F:p%40@h/main", path) == filled
    assert with_path("rtsp://h/0/admin:pw/main", "/0/{username}:{password}/sub") == "rtsp://h/0/admin:pw/sub"
    assert fill_placeholders("rtsp://h/{password}", None) == "rtsp://h/"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://camera.example/live", "must begin with rtsp:// or rtsps://"),
        ("camera.example", "must begin with rtsp:// or rtsps://"),
        ("rtsp:///live", "must name a host, as in rtsp://host:554/path"),
        ("rtsp://camera.example:99999/live", "must be a URL like rtsp://host:554/path"),
        ("rtsp://camera.example:0/live", "must have a port between 1 and 65535"),
        ("rtsp://user:pass word@camera.example/live", "must not contain spaces or control characters"),
        ("rtsp://camera.example/live\r\nTEARDOWN", "must not contain spaces or control characters"),
    ],
)
def test_invalid_url_gets_a_helpful_error(url: str, words: str) -> None:
    with pytest.raises(InvalidStreamUrlError, match="^" + words.replace("*", r"\*")) as caught:
        validate_stream_url(url)
    assert "pass word" not in str(caught.value)


def test_a_good_url_is_returned_stripped() -> None:
    assert validate_stream_url("  rtsps://u:p@[::1]:322/x ") == "rtsps://u:p@[::1]:322/x"


@pytest.mark.parametrize("path", ["", "/", "/sub", "/Streaming/Channels/102", "/cam/realmonitor?channel=1&subtype=1"])
def test_a_sub_stream_is_on_the_same_host_with_the_same_credentials(path: str) -> None:
    check_stream_path(path)
    url = "rtsps://anna:p%40ss@camera:8554/main?x=1"
    assert with_path(url, path) == (f"rtsps://anna:p%40ss@camera:8554{path}" if path else url)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("sub", "must be a path on the camera's host"),
        ("rtsp://other/sub", "must be a path on the camera's host"),
        ("//other/sub", "must be a path on the camera's host"),
        ("/a b", "must not contain spaces"),
        ("/a\nb", "must not contain spaces"),
        ("/a#b", "write it as %23"),
        ("/live?user=anna&password=secret", "must not contain credentials"),
        ("/user=anna_password=secret?Pwd=x", "must not contain credentials"),
        ("/user=anna_password=secret_channel=1", "write {username} and {password} in their place"),
        ("/user={username}_password=secret_channel=1", "must not contain credentials"),
        ("/user=***_password=secret_channel=1", "must not contain credentials"),
        ("/user={username}_password=_channel=1", "must not contain credentials"),
        ("/live;pwd=secret", "must not contain credentials"),
        ("/live?loginuse=anna&loginpas=secret", "must not contain credentials"),
        ("/0/anna:secret/main", "must not contain credentials"),
        ("/p%61ssword=secret", "must not contain credentials"),
        ("/34secret@10.0.0.8/live", "must not contain @; write it as %40"),
    ],
)
def test_invalid_sub_stream_path_gets_a_helpful_error(path: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as raised:
        check_stream_path(path)
    assert "secret" not in str(raised.value)
