"""Where `vigil import` finds the API and the token."""

from pathlib import Path

import pytest

from vigil_transfer.connection import ConnectionProblemError, find_connection, pipeline_token


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory of `vigil run`."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "user-token").write_text("own-token\n")
    (tmp_path / "secrets" / "pipeline-token").write_text("own-pipeline-token\n")
    (tmp_path / "api-url").write_text("https://127.0.0.1:8443\n")
    return tmp_path


def test_vigil_of_this_machine_is_found(data: Path) -> None:
    found = find_connection(url="", token_file=None, environment={"VIGIL_DATA_DIR": str(data)})
    assert (found.url, found.token) == ("https://127.0.0.1:8443", "own-token")
    assert found.ca_file == data / "secrets" / "tls-certificate.pem"
    assert "own-token" not in repr(found)


def test_token_of_this_machine_is_not_sent_elsewhere(data: Path) -> None:
    environment = {"VIGIL_DATA_DIR": str(data)}
    own = find_connection(url="", token_file=None, environment=environment)
    other = find_connection(url="https://h", token_file=data / "secrets" / "user-token", environment=environment)
    assert pipeline_token(own, None, environment) == "own-pipeline-token"
    with pytest.raises(ConnectionProblemError, match="no token that may read credentials"):
        pipeline_token(other, None, environment)
    for url, more in (("https://vigil.example", {}), ("", {"VIGIL_API_URL": "https://vigil.example"})):
        with pytest.raises(ConnectionProblemError, match="no token: create one in the dashboard"):
            find_connection(url=url, token_file=None, environment={"VIGIL_DATA_DIR": str(data), **more})


def test_options_come_before_the_environment(data: Path) -> None:
    (data / "token").write_text("other-token\n")
    environment = {"VIGIL_API_URL": "https://a.example", "VIGIL_TOKEN": "x", "VIGIL_API_CA_FILE": "/ca.pem"}
    found = find_connection(url="https://b.example", token_file=data / "token", environment=environment)
    assert (found.url, found.token, found.ca_file) == ("https://b.example", "other-token", Path("/ca.pem"))


def test_missing_settings_are_named(tmp_path: Path) -> None:
    environment = {"VIGIL_DATA_DIR": str(tmp_path)}
    with pytest.raises(ConnectionProblemError, match=r"set VIGIL_API_URL \(or --url\), or start `vigil run`"):
        find_connection(url="", token_file=None, environment=environment)
    with pytest.raises(ConnectionProblemError, match="cannot read a token from"):
        find_connection(url="http://h", token_file=tmp_path / "none", environment=environment)
