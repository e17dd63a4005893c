"""No form of credentials survives masking, and none is damaged by being split and joined."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil_contracts.stream_url import (
    Credentials,
    InvalidStreamUrlError,
    check_stream_path,
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
def test_masked_and_redacted_texts_hold_no_password(password: str) -> None:
    url = join_credentials("rtsp://camera.example/live", Credentials("viewer", password))
    assert mask_stream_url(url) == "rtsp://***@camera.example/live"
    noise = f"cannot open {url}: password {password} refused"
    assert password not in redact(noise, secrets_of(url))


def test_a_token_in_the_query_is_masked() -> None:
    url = "rtsp://camera.example/live?user=me&password=hunter22"
    assert mask_stream_url(url) == "rtsp://camera.example/live?***"
    assert "hunter22" not in redact(f"GET /live?user=me&password=hunter22 of {url}", secrets_of(url))


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
def test_a_bad_url_is_refused_in_words_that_help(url: str, words: str) -> None:
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
    ],
)
def test_a_bad_path_is_refused_in_words_that_help(path: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as raised:
        check_stream_path(path)
    assert "secret" not in str(raised.value)
