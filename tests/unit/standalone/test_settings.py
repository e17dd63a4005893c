"""`make run NAME=value`: invalid values are named, and camera passwords are never repeated."""

from pathlib import Path

import pytest

from vigil_standalone.settings import InvalidSettingsError, exposure_problem, load


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "CAMERA",
        "MODEL",
        "HOST",
        "PORT",
        "DEMO",
        "VIGIL_DATA_DIR",
        "VIGIL_PUBLIC_URL",
        "VIGIL_ALLOWED_HOSTS",
    ):
        monkeypatch.delenv(name, raising=False)


def test_defaults() -> None:
    settings = load()
    assert settings.camera is None
    assert settings.demo
    assert settings.port == 8000
    assert settings.vigil_data_dir == Path.cwd() / "data"


def test_demo_zero_means_no_demo_and_empty_means_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMO", "0")
    monkeypatch.setenv("PORT", "")
    settings = load()
    assert not settings.demo
    assert settings.port == 8000


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PORT", "99999", "PORT: Input should be less than or equal to 65535"),
        ("PORT", "http", "PORT: Input should be a valid integer"),
        ("HOST", "hall", "HOST: must be an IP address of this machine, 0.0.0.0 for its whole network, or 127.0.0.1"),
        ("HOST", "127.0.0.2", "HOST: must be 127.0.0.1 for this machine alone, or an address that others reach"),
        ("VIGIL_PUBLIC_URL", "http://vigil.example", "VIGIL_PUBLIC_URL: must be like https://vigil.example, without"),
        ("DEMO", "maybe", "DEMO: Input should be a valid boolean"),
        (
            "MODEL",
            "nowhere/model.pt",
            "MODEL: nowhere/model.pt: no such model; give a folder with an OpenVINO export",
        ),
        ("CAMERA", "http://u:marked-password@camera/", "CAMERA: must begin with rtsp:// or rtsps://"),
        (
            "CAMERA",
            "rtsp://admin:12/marked-password@10.0.0.8/live",
            "CAMERA: must not contain an unescaped / in the user name or password: write / as %2F",
        ),
        ("CAMERA", "rtsp://u%0A:marked-password@h/", "CAMERA: is not usable: the user name must not contain control"),
    ],
)
def test_invalid_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidSettingsError, match=words) as caught:
        load()
    assert "marked-password" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_camera_url_in_make_arguments_gives_a_warning() -> None:
    problem = exposure_problem({"MAKEFLAGS": " -- CAMERA=rtsp://u:marked-password@camera/"})
    assert problem is not None
    assert "CAMERA='rtsp://…' make run" in problem
    assert "marked-password" not in problem
    assert exposure_problem({"MAKEFLAGS": " -- PORT=80", "CAMERA": "rtsp://camera/"}) is None


def test_demo_is_a_model_name_despite_a_folder_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "demo").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODEL", "demo")
    assert load().model == "demo"
