"""`make install-service` and `make uninstall-service`, with a `systemctl` that executes the unit."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from tests.cluster.processes import free_ports

ROOT = Path(__file__).parents[3]
CAMERA_PASSWORD = 'pa$$wo`rd\\"%n'
SYSTEMCTL = """#!{python}
# Does for one unit what systemd does: user's basic variables, environment file, command, journal, SIGTERM to the main
# process alone. Everything else of the environment is dropped.
import os, pathlib, signal, subprocess, sys, time
folder = pathlib.Path("{folder}")
unit, pid_file, journal = folder / "units" / "vigil.service", folder / "pid", folder / "journal"
words = sys.argv[1:]
def stop():
    before = journal.read_text().count("vigil: stopped")
    os.kill(int(pid_file.read_text()), signal.SIGTERM)
    while journal.read_text().count("vigil: stopped") == before:
        time.sleep(0.1)
    pid_file.unlink()
if words == ["restart", "vigil.service"]:
    if pid_file.exists():
        stop()
    lines = [line.partition("=") for line in unit.read_text().splitlines()]
    values = {{name: value.replace("%%", "%") for name, _, value in lines}}
    read = ["sh", "-c", 'set -a; . "$1"; env -0', "sh", values["EnvironmentFile"]]
    shown = subprocess.run(read, env={{}}, capture_output=True, text=True, check=True).stdout
    environment = dict(each.split("=", 1) for each in shown.split("\\0") if each)
    environment |= {{"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent"}}
    with journal.open("ab") as log:
        status = os.fstat(log.fileno())
        environment["JOURNAL_STREAM"] = f"{{status.st_dev}}:{{status.st_ino}}"
        program, _, arguments = values["ExecStart"].replace("$$", "$")[1:].partition('" ')
        process = subprocess.Popen([program, *arguments.split()], cwd=values["WorkingDirectory"], env=environment,
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    pid_file.write_text(str(process.pid))
elif words == ["disable", "--now", "vigil.service"]:
    stop()
elif words not in (["daemon-reload"], ["enable", "vigil.service"]):
    sys.exit(f"unexpected: {{words}}")
"""


class Machine:
    """A folder with units, a journal, a home and a data folder, and the programs that a user calls."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "my data"
        self.unit, self.journal = folder / "units" / "vigil.service", folder / "journal"
        fakes = folder / "bin"
        for path in (fakes, folder / "units", folder / "home"):
            path.mkdir()
        for name, text in {
            "systemctl": SYSTEMCTL.format(python=sys.executable, folder=folder),
            "sudo": '#!/bin/sh\nexec "$@"\n',
        }.items():
            (fakes / name).write_text(text)
            (fakes / name).chmod(0o755)
        (self.port,) = free_ports(1)
        self.environment = {
            "PATH": f"{fakes}:{os.environ['PATH']}",
            "HOME": str(folder / "home"),
            "UNIT_DIR": str(folder / "units"),
            "VIGIL_DATA_DIR": str(self.data),
        }

    def make(self, target: str, **settings: str) -> str:
        """Run `make TARGET` and return what it printed."""
        environment = {**self.environment, **settings}
        done = subprocess.run(
            ["make", target], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=150
        )
        assert done.returncode == 0, f"{done.stdout}{done.stderr}{self.journal_text()}"
        return done.stdout

    def journal_text(self) -> str:
        """Return what the service has printed."""
        return self.journal.read_text() if self.journal.exists() else ""


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    subprocess.run(["bash", "tools/setup.sh", ".venvs/standalone", "locks/standalone.txt"], cwd=ROOT, check=True)
    machine = Machine(tmp_path)
    yield machine
    if machine.unit.exists():
        machine.make("uninstall-service")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_service_is_installed_and_removed_without_its_data(machine: Machine) -> None:
    camera = f"rtsp://viewer:{quote(CAMERA_PASSWORD, safe='$`')}@127.0.0.1:9/none"
    printed = machine.make("install-service", PORT=str(machine.port), DEMO="0", CAMERA=camera).splitlines()

    values = dict(line.split(": ", 1) for line in printed if ": " in line)
    assert values["Dashboard"] == f"http://127.0.0.1:{machine.port}/dashboard/"
    body = {"username": values["User"], "password": values["Password"]}
    with httpx.Client(base_url=f"http://127.0.0.1:{machine.port}", timeout=10, verify=False) as api:
        token = api.post("/api/token/", json=body).raise_for_status().json()["token"]
        cameras = api.get("/api/cameras/", headers={"Authorization": f"Token {token}"}).json()["results"]
    assert [each["rtsp_url"] for each in cameras] == ["rtsp://***@127.0.0.1:9/none"]

    unit = machine.unit.read_text()
    assert "viewer" not in unit, "every user may read a unit"
    assert (machine.data / "secrets" / "service.env").stat().st_mode & 0o077 == 0
    assert f"Password: in {machine.data}/secrets/admin-password" in machine.journal_text()
    assert values["Password"] not in machine.journal_text()
    _verify(machine.unit)

    again = machine.make("install-service").splitlines()
    assert f"Dashboard: http://127.0.0.1:{machine.port}/dashboard/" in again, "settings that are not given stay"
    assert "Password: (as before)" in again

    printed = machine.make("uninstall-service").splitlines()
    assert printed[-1] == f"vigil: the service is removed; cameras, alerts and keys stay in {machine.data}"
    assert not machine.unit.exists()
    assert (machine.data / "vigil.sqlite3").exists()
    stopped = [line for line in machine.journal_text().splitlines() if line.startswith("vigil: stop")]
    assert stopped == 2 * ["vigil: stopping the pipeline", "vigil: stopping the backend", "vigil: stopped"]


def _verify(unit: Path) -> None:
    """Check the unit with systemd's own program, where it is installed."""
    program = shutil.which("systemd-analyze")
    if program is None:
        return
    verify = [program, "verify", "--man=no", "--recursive-errors=no", str(unit)]
    found = subprocess.run(verify, capture_output=True, text=True, check=False, timeout=60)
    assert (found.returncode, unit.name in found.stderr) == (0, False), found.stderr
    secure = [program, "security", "--offline=true", "--threshold=35", str(unit)]
    found = subprocess.run(secure, capture_output=True, text=True, check=False, timeout=60)
    assert found.returncode == 0, found.stdout[-3000:] + found.stderr
