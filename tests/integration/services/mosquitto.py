"""A real MQTT broker for the tests: Debian's mosquitto, in a temporary directory, on a free port of loopback."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.cluster.processes import ServerProcess, free_ports, is_listening
from tests.cluster.reaper import Reaper, server_home
from tests.integration.services.life_cycle import Service, running
from tests.integration.services.requirements import skip_without

USER, PASSWORD = "vigil", "br0ker-pass"


class MosquittoServer(Service):
    """One broker that requires `USER` and `PASSWORD` and permits topics below `vigil/` and `homeassistant/`."""

    def __init__(self, directory: Path, reaper: Reaper) -> None:
        (self.port,) = free_ports(1)
        passwords, configuration = directory / "passwords", directory / "mosquitto.conf"
        rights = directory / "rights"
        rights.write_text(f"user {USER}\ntopic readwrite vigil/#\ntopic readwrite homeassistant/#\n")
        rights.chmod(0o600)
        subprocess.run(["mosquitto_passwd", "-c", "-b", passwords, USER, PASSWORD], check=True, capture_output=True)
        configuration.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\nuser root\n"
            f"acl_file {rights}\n"
        )
        command: list[str | Path] = ["mosquitto", "-c", configuration]
        self.process = ServerProcess("mosquitto", command, directory / "mosquitto.log", reaper)

    def is_ready(self) -> bool:
        """Return whether it listens."""
        return is_listening(self.port)


@contextlib.contextmanager
def mosquitto_server() -> Iterator[MosquittoServer]:
    """Run a broker with temporary data."""
    if shutil.which("mosquitto") is None:
        skip_without("an MQTT broker", "mosquitto")
    with server_home("mosquitto") as (directory, reaper):
        directory.chmod(0o755)
        with running(MosquittoServer(directory, reaper)) as server:
            yield server
