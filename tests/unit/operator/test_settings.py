"""Settings are used as they are set, or refused with a message that names them; never limited silently."""

import pytest

from vigil_operator.__main__ import main
from vigil_operator.settings import OperatorSettings
from vigil_operator.sync import poller


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("VIGIL_API_URL", "http://vigil-backend:8000")
    monkeypatch.setenv("VIGIL_TOKEN", "t" * 40)
    return monkeypatch


def test_the_longest_interval_of_the_sync_is_the_one_that_the_poller_keeps(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("VIGIL_SYNC_INTERVAL_SECONDS", str(poller.MAX_PAUSE_SECONDS))
    assert OperatorSettings().sync_interval_seconds == poller.MAX_PAUSE_SECONDS


@pytest.mark.parametrize("value", ["15.1", "300", "0", "inf", "nan"])
def test_an_interval_that_would_not_be_kept_is_refused(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], value: str
) -> None:
    environment.setenv("VIGIL_SYNC_INTERVAL_SECONDS", value)
    assert main(["run"]) == 2
    assert capsys.readouterr().err.startswith("vigil-operator: VIGIL_SYNC_INTERVAL_SECONDS: Input should be ")
