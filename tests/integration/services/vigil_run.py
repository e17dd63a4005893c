"""`vigil run` as a user starts it, with its output.

run = Run(data, port, DEMO="0")                    # the program itself
run = make_run(home, data, port, CAMERA=url)       # `make run` of a user with this home, and with nothing else set
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx
import pytest
from tests.priority import share_niceness

ROOT = Path(__file__).parents[3]
_VIGIL_RUN = (sys.executable, "-m", "vigil_standalone", "run")
OF_ANY_USER = ("PATH", "LANG", "LC_ALL")


class Run:
    """One `vigil run`. `settings` are added to `environment`, by default that of the tests."""

    def __init__(
        self,
        data: Path,
        port: int,
        *,
        command: Sequence[str] = _VIGIL_RUN,
        environment: Mapping[str, str] | None = None,
        clone: Path = ROOT,
        **settings: str,
    ) -> None:
        self.lines: list[str] = []
        self.data, self.port = data, port
        self.began = time.monotonic()
        base = os.environ if environment is None else environment
        self.process = subprocess.Popen(
            command,
            cwd=clone,
            env={
                "VIGIL_MEDIA_MAX_USED_PERCENT": "100",
                **base,
                "PORT": str(port),
                "VIGIL_DATA_DIR": str(data),
                **settings,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        share_niceness(self.process.pid)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            self.lines.extend(line.rstrip("\n") for line in output)

    @property
    def output(self) -> str:
        """Return its complete output."""
        return "\n".join(self.lines)

    def value(self, name: str, timeout_seconds: float = 90) -> str:
        """Return the text after `name: ` on a line of its own, once it is there."""
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            for line in list(self.lines):
                if line.startswith(f"{name}: "):
                    return line.removeprefix(f"{name}: ")
            assert self.process.poll() is None, self.output
            time.sleep(0.1)
        pytest.fail(f"no line {name!r} after {timeout_seconds} s:\n{self.output}")

    def client(self) -> httpx.Client:
        """Return a client of the API with the token of the first user."""
        token = (self.data / "secrets" / "user-token").read_text().strip()
        headers = {"Authorization": f"Token {token}"}
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}", headers=headers, timeout=10, verify=False)

    def children(self) -> list[int]:
        """Return the process ids of its parts."""
        listed = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True, check=False
        )
        return [int(pid) for pid in listed.stdout.split()]

    def stop(self) -> int:
        """Send Ctrl-C as a terminal does, to the whole foreground group; return the exit status."""
        os.killpg(self.process.pid, signal.SIGINT)
        status = self.process.wait(30)
        self.reader.join(5)
        return status


def make_run(home: Path, data: Path, port: int, **settings: str) -> Run:
    """Start `make run` in this clone as a user with the home `home` and only these `settings`.

    The programs are installed before, with the packages that the user of the tests already has.
    """
    subprocess.run(["bash", "tools/setup.sh", ".venvs/standalone", "locks/standalone.txt"], cwd=ROOT, check=True)
    environment = {name: value for name, value in os.environ.items() if name in OF_ANY_USER} | {"HOME": str(home)}
    return Run(data, port, command=("make", "run"), environment=environment, clone=ROOT, **settings)
