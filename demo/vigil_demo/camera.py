"""The demo camera: `python -m vigil_demo.camera --port 8554 --data-dir DIR`.

Prints progress while it renders its clip (only at the first start), then one line with its URL when it is ready. Ends
on SIGINT or SIGTERM. The environment variables `VIGIL_DEMO_CAMERA_USER` and `VIGIL_DEMO_CAMERA_PASSWORD` enable
authentication; they are never printed.
"""

import argparse
import asyncio
import errno
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import FrameType

from vigil_demo.clip import load_clip
from vigil_demo.rtsp_messages import DigestAuthentication
from vigil_demo.rtsp_server import RtspServer
from vigil_demo.yard_clip import ensure_yard_clip

PATH = "/demo"
_PROGRESS_SECONDS = 3.0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class _Progress:
    """Prints the progress of the rendering every few seconds."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._said = time.monotonic()
        self._first: tuple[int, float] | None = None

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if self._first is None:
            self._first = done, now  # its time includes the preparation, so the rest is estimated without it
        if now - self._said < _PROGRESS_SECONDS and done < total:
            return
        self._said = now
        earlier, began = self._first
        left = f", about {(now - began) / (done - earlier) * (total - done):.0f} s left" if done > earlier else ""
        self._say(f"rendering the demo clip: {done} of {total} frames{left}")


def prepare_clip(data_dir: Path, say: Callable[[str], None] = _say) -> Path:
    """Render the clip into `data_dir` unless it exists. Raises `OSError` if the folder is not writable."""
    return ensure_yard_clip(data_dir, _Progress(say))


def authentication_from(environment: Mapping[str, str]) -> DigestAuthentication | None:
    """Return the authentication from the environment. Raises `ValueError` if only one variable is set."""
    user, password = environment.get("VIGIL_DEMO_CAMERA_USER", ""), environment.get("VIGIL_DEMO_CAMERA_PASSWORD", "")
    if not user and not password:
        return None
    if not user or not password:
        raise ValueError("VIGIL_DEMO_CAMERA_USER and VIGIL_DEMO_CAMERA_PASSWORD: set both or none")
    return DigestAuthentication(user, password)


async def serve(
    clip: Path,
    host: str,
    port: int,
    authentication: DigestAuthentication | None = None,
    *,
    or_any_port: bool = False,
) -> None:
    """Stream the clip in a loop until SIGINT or SIGTERM.

    Raises `OSError` if the port is in use, unless `or_any_port` lets the system choose another one.
    """
    server = RtspServer(load_clip(clip), path=PATH, title="Vigil demo yard", authentication=authentication)
    shown_host = f"[{host}]" if ":" in host else host

    async def serve_on_a_port() -> None:
        try:
            await server.serve(host, port, on_ready)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not or_any_port:
                raise
            _say(f"port {port} is taken; using a free one")
            await server.serve(host, 0, on_ready)

    def on_ready(bound_port: int) -> None:
        _say(f"rtsp://{shown_host}:{bound_port}{PATH}")

    serving = asyncio.ensure_future(serve_on_a_port())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, serving.cancel)
    with suppress(asyncio.CancelledError):
        await serving


def _stop_rendering(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> int:
    """Return exit status 0 after a signal, 1 if the camera cannot start, 2 for an invalid option."""
    parser = argparse.ArgumentParser(prog="vigil_demo.camera", description="A camera in a rendered yard, over RTSP.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8554, help="port, 0 for a free one (default: %(default)s)")
    parser.add_argument("--or-any-port", action="store_true", help="use a free port when --port is taken")
    parser.add_argument("--data-dir", type=Path, required=True, help="folder for the rendered clip")
    options = parser.parse_args(arguments)
    if not 0 <= options.port <= 65535:
        parser.error(f"--port: must be 0 to 65535, is {options.port}")
    signal.signal(signal.SIGTERM, _stop_rendering)
    try:
        authentication = authentication_from(os.environ)
        clip = prepare_clip(options.data_dir)
        asyncio.run(serve(clip, options.host, options.port, authentication, or_any_port=options.or_any_port))
    except KeyboardInterrupt:
        return 0
    except ValueError as error:
        parser.error(str(error))
    except OSError as error:
        sys.stderr.write(f"vigil_demo.camera: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
