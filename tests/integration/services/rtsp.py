"""Real RTSP servers for the tests: GStreamer's, playing clips in real time.

with gst_rtsp_server(clip) as server:     # plays the clip once, to the first client, then knows no such stream
    server.url

with gst_rtsp_server(clip, plays=0):      # plays it from the start to every client
"""

import contextlib
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from tests.integration.services.requirements import skip_without
from tools.system_packages import PACKAGE_SETS

PROGRAM = Path(__file__).with_name("gst_rtsp_server.py")
DEBIAN_PYTHON = Path("/usr/bin/python3")
_START_TIMEOUT_SECONDS = 20.0


@dataclass
class RtspServer:
    """A running server. `lines` is its output so far: `play <n>`, `closed`; `said_at` the times in Unix time."""

    host: str
    port: int
    path: str
    scheme: str
    username: str
    password: str
    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    said_at: dict[str, float] = field(default_factory=dict)
    """When each line was printed first."""

    @property
    def url(self) -> str:
        """The stream's URL, with percent-encoded credentials if the server requires them."""
        user = f"{quote(self.username, safe='')}:{quote(self.password, safe='')}@" if self.username else ""
        return f"{self.scheme}://{user}{self.host}:{self.port}{self.path}"

    @property
    def bare_url(self) -> str:
        """The stream's URL without credentials."""
        return f"{self.scheme}://{self.host}:{self.port}{self.path}"

    @property
    def plays(self) -> int:
        """Return how many clients have received the clip."""
        return sum(line.startswith("play ") for line in self.lines)

    def wait_for(self, line: str, timeout_seconds: float) -> None:
        """Wait until the server has printed `line`."""
        deadline = time.monotonic() + timeout_seconds
        while line not in self.lines:
            assert time.monotonic() < deadline, f"the RTSP server did not say {line!r} but {self.lines}"
            time.sleep(0.05)


def _has_bindings() -> bool:
    if not DEBIAN_PYTHON.exists():
        return False
    probe = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    done = subprocess.run([DEBIAN_PYTHON, "-c", probe], capture_output=True, check=False, timeout=30)
    return done.returncode == 0


@contextlib.contextmanager
def gst_rtsp_server(
    clip: Path,
    *,
    plays: int = 1,
    shared: bool = False,
    codec: str = "h264",
    audio: str = "",
    path: str = "/cam",
    others: Mapping[str, Path] | None = None,
    username: str = "",
    password: str = "",
    basic: bool = False,
    transports: Sequence[str] = ("tcp", "udp"),
    port: int = 0,
    host: str = "127.0.0.1",
    tls: tuple[Path, Path] | None = None,
) -> Iterator[RtspServer]:
    """Serve `clip` (an MP4 with H.264, H.265 or MJPEG) in real time from its beginning to each client.

    `others`: clips at other paths of the same camera. `plays`: after this many clients the path does not exist (404);
    0: unlimited. `audio`: pcmu, pcma, aac or opus, as the clip has it. `shared`: clients share one play. With a
    `username`, digest or basic authentication is required. `tls`: certificate and key files; `rtsps`.
    """
    if not _has_bindings():
        skip_without("GStreamer's RTSP server", *PACKAGE_SETS["rtsp-camera"])
    options = {
        "clips": {path: str(clip), **{other: str(its) for other, its in (others or {}).items()}},
        "plays": plays,
        "shared": shared,
        "codec": codec,
        "audio": audio,
        "username": username,
        "password": password,
        "basic": basic,
        "transports": list(transports),
        "port": port,
        "host": host,
        "tls_certificate": str(tls[0]) if tls else "",
        "tls_key": str(tls[1]) if tls else "",
    }
    environment = {**os.environ, "GST_REGISTRY_FORK": "no"}
    with subprocess.Popen(
        [DEBIAN_PYTHON, PROGRAM, json.dumps(options)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        scheme = "rtsps" if tls else "rtsp"
        server = RtspServer(host, 0, path, scheme, username, password, process)
        listening = threading.Event()

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                server.said_at.setdefault(line.strip(), time.time())
                server.lines.append(line.strip())
                if line.startswith("port "):
                    server.port = int(line.split()[1])
                    listening.set()
            listening.set()

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            assert listening.wait(_START_TIMEOUT_SECONDS), "the RTSP server did not start"
            assert server.port, f"the RTSP server ended with {process.wait(5)}"
            yield server
        finally:
            process.terminate()
            process.wait(10)
            reader.join(5)
