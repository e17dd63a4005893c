"""The demo camera is optional: Vigil continues without it."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from vigil_standalone.cameras import Cameras, RegistrationError
from vigil_standalone.demo import DemoCamera
from vigil_standalone.state import DataDirectory


class RecordedCameras(Cameras):
    """Records registrations."""

    def __init__(self, problem: str | None = None) -> None:
        self.registered: list[str] = []
        self.deactivated: list[str] = []
        self._problem = problem

    def ensure(self, name: str, rtsp_url: str, **fields: Any) -> str:
        if self._problem:
            raise RegistrationError(self._problem)
        self.registered.append(rtsp_url)
        return "added"

    def deactivate(self, name: str) -> None:
        self.deactivated.append(name)


@pytest.fixture
def demos() -> Iterator[list[DemoCamera]]:
    demos: list[DemoCamera] = []
    yield demos
    for demo in demos:
        demo.child.stop()


def watch_until(demo: DemoCamera, is_done: Callable[[], object], timeout_seconds: float = 20) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not is_done():
        assert time.monotonic() < deadline
        demo.watch()
        time.sleep(0.05)


def test_demo_that_cannot_render_is_skipped(
    tmp_path: Path, demos: list[DemoCamera], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "demo").write_text("a file where the folder should be")
    cameras = RecordedCameras()
    demo = DemoCamera(DataDirectory(tmp_path), cameras)
    demos.append(demo)
    demo.child.start()
    watch_until(demo, lambda: cameras.deactivated)
    demo.watch()
    printed = capsys.readouterr().out
    assert printed.count("vigil: the demo camera did not start, its last lines are above; continuing without it") == 1
    assert "Traceback" not in printed
    assert not demo.child.is_running
    assert cameras.registered == []


def test_demo_rejected_by_the_backend_is_skipped(
    tmp_path: Path, demos: list[DemoCamera], capsys: pytest.CaptureFixture[str]
) -> None:
    cameras = RecordedCameras("the API answered 400")
    demo = DemoCamera(DataDirectory(tmp_path), cameras)
    demos.append(demo)
    demo.child.arguments = [sys.executable, "-uc", "import time; print('rtsp://127.0.0.1:1/demo'); time.sleep(60)"]
    demo.child.start()
    watch_until(demo, lambda: cameras.deactivated)
    assert "the demo camera cannot be added: the API answered 400; continuing without it" in capsys.readouterr().out
    assert not demo.child.is_running


def test_restarted_demo_is_registered_with_its_new_port(tmp_path: Path, demos: list[DemoCamera]) -> None:
    cameras = RecordedCameras()
    demo = DemoCamera(DataDirectory(tmp_path), cameras)
    demos.append(demo)
    demo.child.arguments = [sys.executable, "-uc", "import os; print(f'rtsp://127.0.0.1:{os.getpid()}/demo')"]
    demo.child.start()
    watch_until(demo, lambda: len(cameras.registered) == 2)
    assert len(set(cameras.registered)) == 2
