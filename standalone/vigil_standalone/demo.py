"""The demo camera of `vigil run`. It is optional: Vigil continues if the demo fails."""

import sys

from vigil_standalone.cameras import Cameras, RegistrationError
from vigil_standalone.console import say, say_for
from vigil_standalone.processes import Child
from vigil_standalone.state import DataDirectory

DEMO_CAMERA = "Demo yard"
_PREFERRED_PORT = 8554


class DemoCamera:
    """The demo's process and its registered camera.

    The process chooses its port itself: rendering the clip takes minutes at the first start, and a free port may be
    in use afterwards.
    """

    def __init__(self, data: DataDirectory, cameras: Cameras) -> None:
        arguments = [sys.executable, "-m", "vigil_demo.camera", "--data-dir", str(data.demo)]
        arguments += ["--port", str(_PREFERRED_PORT), "--or-any-port"]
        self.child = Child("demo", arguments, {}, self._on_line)
        self._cameras = cameras
        self._url: str | None = None  # written by the child's reader thread
        self._registered_url: str | None = None
        self._has_failed = False

    def watch(self) -> None:
        """Register the camera once it streams, and restart it if it ends later. Call it often.

        A demo that ends before its first stream is not restarted: rendering would fail again for the same reason.
        """
        url = self._url
        if self._has_failed:
            return
        if url is not None:
            self._register(url)
            self.child.watch()
        elif not self.child.is_running:
            self._fail("the demo camera did not start, its last lines are above")

    def _on_line(self, name: str, line: str) -> None:
        if line.startswith("rtsp://"):
            self._url = line
        else:
            say_for(name, line)

    def _register(self, url: str) -> None:
        if url == self._registered_url:
            return
        try:
            self._cameras.ensure(DEMO_CAMERA, url, detection={"model": "demo"})
        except RegistrationError as error:
            self._fail(f"the demo camera cannot be added: {error}")
            return
        say(f"vigil: the demo camera streams at {url}")
        self._registered_url = url

    def _fail(self, reason: str) -> None:
        self._has_failed = True
        say(f"vigil: {reason}; continuing without it (DEMO=0 leaves it out)")
        self.child.stop()
        try:
            self._cameras.deactivate(DEMO_CAMERA)
        except RegistrationError as error:
            say(f"vigil: the demo camera of an earlier run cannot be deactivated: {error}")
