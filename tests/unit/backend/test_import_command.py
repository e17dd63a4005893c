"""`vigil import` against the backend's own API, in this process."""

import json
from pathlib import Path

import pytest
from django.utils import timezone
from tests.unit.backend.conftest import Party
from tests.unit.backend.vigil_command import RunVigil, run
from tests.unit.transfer.test_frigate import YARD

from surveillance.models import Camera, Cluster

__all__ = ["run"]


@pytest.fixture
def yard(tmp_path: Path) -> str:
    """Return the path of a Frigate configuration; its variable is in a file next to it."""
    (tmp_path / "frigate.env").write_text("FRIGATE_PASSWORD='Pa%2F55'\n")
    (tmp_path / "config.yml").write_text(YARD)
    return str(tmp_path / "config.yml")


def test_import_adds_cameras_and_changes_nothing_the_second_time(
    run: RunVigil, yard: str, capsys: pytest.CaptureFixture[str]
) -> None:
    variables = ("--env-file", str(Path(yard).with_name("frigate.env")))
    assert run("import", "frigate", yard, "--dry-run", *variables) == 0
    assert "2 cameras: 2 added, 0 changed, 0 unchanged (dry run: nothing was written)" in capsys.readouterr().out
    assert not Camera.objects.exists()

    assert run("import", "frigate", yard, *variables) == 0
    shown = capsys.readouterr().out
    assert "2 cameras: 2 added, 0 changed, 0 unchanged\n" in shown
    gate = Camera.objects.get(name="Front gate")
    assert gate.rtsp_url == "rtsp://admin:Pa%2F55@10.0.0.7:554/h264Preview_01_main"
    assert gate.detection["rules"][0]["zone"] == "drive"

    assert run("import", "frigate", yard, *variables, "--output", "json") == 0
    printed = capsys.readouterr().out
    report = json.loads(printed)
    assert [camera["result"] for camera in report["cameras"]] == ["unchanged", "unchanged"]
    assert {line["outcome"] for line in report["keys"]} == {"taken", "changed", "not taken"}
    for secret in ("Pa%2F55", "Pa/55", "Mqtt5ecret", "Onvif5ecret"):
        assert secret not in shown + printed


def test_nothing_is_written_if_a_camera_is_refused(
    run: RunVigil, anna: Party, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.yml"
    file.write_text(
        "cameras:\n"
        "  one: {ffmpeg: {inputs: [{path: 'rtsp://10.0.0.1/1', roles: [detect]}]}}\n"
        "  two: {ffmpeg: {inputs: [{path: 'rtsp://169.254.169.254/1', roles: [detect]}]}}\n"
    )
    for more in ([], ["--dry-run"]):
        assert run("import", "frigate", str(file), *more) == 1
        shown = capsys.readouterr().out
        assert "two: rtsp_url: must not lead to this server itself" in shown
        assert "Nothing was written." in shown
    assert not Camera.objects.exists()


def test_problem_of_the_file_is_shown_before_the_api_is_asked(
    run: RunVigil, yard: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("import", "frigate", yard) == 1
    shown = capsys.readouterr().out
    assert "cameras.gate.ffmpeg.inputs[0].path: the variable FRIGATE_PASSWORD has no value" in shown
    assert shown.endswith("Nothing was written.\n")


def test_file_that_is_not_there_is_named(run: RunVigil, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("import", "frigate", "/none/config.yml") == 2
    assert capsys.readouterr().err == "vigil: /none/config.yml: No such file or directory\n"


def test_import_says_for_how_many_cameras_there_is_room(
    run: RunVigil, yard: str, capsys: pytest.CaptureFixture[str]
) -> None:
    now, classes = timezone.now(), [{"name": "gpu", "is_default": True, "room": 0}]
    Cluster.objects.create(name="north", identity="n", asked_at=now, classes=classes, classes_reported_at=now)
    variables = ("--env-file", str(Path(yard).with_name("frigate.env")))
    text = "DetectorClass gpu has room for 0 of these 1 active cameras"
    assert run("import", "frigate", yard, "--dry-run", *variables) == 0
    assert f"Warning: {text}" in capsys.readouterr().out
    assert run("import", "frigate", yard, "--output", "json", *variables) == 0
    (warning,) = json.loads(capsys.readouterr().out)["warnings"]
    assert warning.startswith(text)
