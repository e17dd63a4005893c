"""Trusted model files, and errors of invalid settings."""

import pytest

from cctv.config import InvalidSettingError, load_settings

HASH = "ab" * 32


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIL_TOKEN", "t")


def test_models_that_cameras_name_are_pinned_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIL_MODEL_PINS", f"weapons.pt={HASH}, /models/a=b.pt={HASH.upper()},")
    assert load_settings().model_pins == {"weapons.pt": HASH, "/models/a=b.pt": HASH}
    monkeypatch.delenv("VIGIL_MODEL_PINS")
    assert load_settings().model_pins == {}


@pytest.mark.parametrize("pins", ["weapons.pt", f"={HASH}", "weapons.pt=abc", f"a.pt:{HASH}"])
def test_invalid_pins_are_rejected(monkeypatch: pytest.MonkeyPatch, pins: str) -> None:
    monkeypatch.setenv("VIGIL_MODEL_PINS", pins)
    with pytest.raises(InvalidSettingError, match="VIGIL_MODEL_PINS: must be NAME=SHA256 separated by commas"):
        load_settings()
