"""The benchmark beside Frigate: its figures, Frigate's configuration and command line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.bench.peers.figures import BACKEND, DETECTOR, FRIGATE, VIGIL, Scene, Window
from tests.bench.peers.frigate import Installation, configuration, sandbox
from tests.integration.services.process_usage import cpu_seconds, cpu_ticks, megabytes

_BURN = "import time\nwhile time.process_time() < 0.3: pass"


def _window(theirs: float, ours: float) -> Window:
    return Window(
        {FRIGATE: theirs, VIGIL: ours, DETECTOR: ours / 2, BACKEND: ours / 4},
        {FRIGATE: 100 * theirs, VIGIL: 100, DETECTOR: 60, BACKEND: 30},
    )


def _scene(*windows: Window, found: int = 6) -> Scene:
    return Scene("people", 10, 2, windows, {FRIGATE: 6, VIGIL: found}, 6)


def test_ratios_are_medians_of_the_windows_own_ratios() -> None:
    scene = _scene(_window(20, 10), _window(9, 3), _window(10, 1))
    assert scene.times_less_cpu(VIGIL) == 3, "of 2, 3 and 10; the ratio of the medians is 3.33"
    assert scene.times_less_cpu(DETECTOR) == 6
    assert scene.milliseconds(FRIGATE) == 500, "10 s in 10 s of video of two cameras"
    assert scene.megabytes(FRIGATE) == 1000
    assert scene.memory_ratio(VIGIL) == pytest.approx(0.1)


def test_rows_say_whether_the_goals_are_met() -> None:
    rows = {row.name: row for row in _scene(_window(20, 2), found=5).measurements(times_less_cpu_goal=8)}
    cpu = rows["people: times less CPU than Frigate"]
    assert (cpu.value, cpu.goal, cpu.met) == (10, ">= 8", True)
    assert rows["people: memory, to Frigate's"].met is True
    assert rows["people: Frigate: people"].met is True
    assert rows["people: Vigil: people"].met is False
    slow = {row.name: row.met for row in _scene(_window(2, 2)).measurements(times_less_cpu_goal=8)}
    assert slow["people: times less CPU than Frigate"] is False
    assert slow["people: memory, to Frigate's"] is False


def test_a_product_that_finds_nobody_is_not_compared() -> None:
    assert _scene(_window(20, 2)).problem() == ""
    assert _scene(_window(20, 2), found=5).problem() == ""
    assert _scene(_window(20, 2), found=0).problem() == (
        "people: Vigil found 0 of 6 people; the ratios would compare nothing"
    )


def test_cpu_time_is_read_whatever_the_name_of_the_program() -> None:
    stat = "7 (a (b) 9) S 1 7 7 0 -1 4194304 100 0 0 0 11 12 13 14 20 0 1 0 5 6 7"
    assert cpu_ticks(stat) == 11 + 12 + 13 + 14


def test_cpu_time_includes_children_that_have_ended() -> None:
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {_BURN!r}]); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert cpu_seconds(process.pid) >= 0.3
        assert megabytes(process.pid) > 1
        process.communicate("\n")


def test_configuration_has_a_camera_for_each_stream_and_no_recording() -> None:
    first, second = "rtsp://127.0.0.1:8554/a", "rtsp://127.0.0.1:8554/b"
    found = yaml.safe_load(configuration("yolov8n.xml", [first, second]))
    paths = {name: camera["ffmpeg"]["inputs"][0]["path"] for name, camera in found["cameras"].items()}
    assert paths == {"camera_1": first, "camera_2": second}
    assert found["detect"] == {"enabled": True, "fps": 5}
    assert found["model"]["path"] == "/model/yolov8n.xml"
    assert "record" not in found
    assert found["telemetry"]["version_check"] is False


def test_sandbox_shows_the_machine_read_only_but_not_its_own_places(tmp_path: Path) -> None:
    root = tmp_path / "root"
    for name in ("usr", "config", "tmp", "proc"):
        (root / name).mkdir(parents=True)
    (root / "lib").symlink_to("usr/lib")
    installation = Installation(Path("/src/frigate"), Path("/src/venv/bin/python"))
    command = sandbox(installation, Path("/data"), Path("/models/yolo"), root)
    text = " ".join(command)
    assert command[0] == "bwrap"
    assert f"--symlink usr/lib /lib --ro-bind {root}/usr /usr --proc" in text
    assert f"{root}/config" not in text
    assert f"{root}/tmp" not in text
    assert "--bind /data/config /config --bind /data/media /media/frigate" in text
    assert "--ro-bind /src/frigate /opt/frigate --ro-bind /src/venv /src/venv" in text
    assert command[-3:] == ["/src/venv/bin/python", "-m", "frigate"]


def test_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("VIGIL_BENCH_FRIGATE", raising=False)
    monkeypatch.delenv("VIGIL_BENCH_FRIGATE_PYTHON", raising=False)
    with pytest.raises(SystemExit, match="VIGIL_BENCH_FRIGATE to a source tree of Frigate"):
        Installation.from_environment()
    (tmp_path / "frigate").mkdir()
    (tmp_path / "frigate" / "__main__.py").touch()
    monkeypatch.setenv("VIGIL_BENCH_FRIGATE", os.fspath(tmp_path))
    with pytest.raises(SystemExit, match="VIGIL_BENCH_FRIGATE_PYTHON to the Python of a virtual environment"):
        Installation.from_environment()
    monkeypatch.setenv("VIGIL_BENCH_FRIGATE_PYTHON", sys.executable)
    assert Installation.from_environment() == Installation(tmp_path, Path(sys.executable))
