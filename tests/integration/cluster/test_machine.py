"""The machine of a node leaves nothing behind, however it ends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.cluster.machine import ADDRESS, Cable, Machine, MachineUnavailableError, require_linux_root
from tests.cluster.polling import eventually
from tests.cluster.reaper import Reaper

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _can_run_here() -> None:
    try:
        require_linux_root()
    except MachineUnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with running_machine(tmp_path) as found:
        yield found


@contextmanager
def running_machine(folder: Path) -> Iterator[Machine]:
    (folder / "data").mkdir()
    cable, reaper = Cable(), Reaper()
    found = Machine(folder, folder / "data", cable, reaper)
    yield found
    found.close()
    cable.close()
    reaper.close()


def test_a_machine_has_its_own_processes_mounts_and_network(machine: Machine) -> None:
    processes = machine.run(["ps", "-e", "-o", "pid="]).split()
    assert processes[0] == "1"
    assert len(processes) < 6
    assert ADDRESS in machine.run(["ip", "address"])
    assert machine.run(["cat", "/proc/sys/net/ipv4/ip_forward"]).strip() == "1"
    machine.run(["touch", "/var/lib/kubelet/mark"])
    assert not Path("/var/lib/kubelet/mark").exists()


def test_machine_ends_with_all_its_processes(machine: Machine) -> None:
    machine.run(["sh", "-c", "setsid sleep 7654321 >/dev/null 2>&1 &"])
    eventually(_sleepers, timeout_seconds=10)
    machine.close()
    eventually(lambda: not _sleepers(), timeout_seconds=10)
    assert not list(Path("/sys/fs/cgroup").glob("**/vigil-node"))


def test_there_is_one_machine_at_a_time(machine: Machine) -> None:
    with pytest.raises(MachineUnavailableError, match="another test run"):
        Cable(timeout_seconds=0.1)
    assert machine.run(["ip", "address"]).count(ADDRESS) == 1, "the one that runs keeps its cable"


def test_a_killed_run_leaves_no_machine_and_the_next_one_starts(tmp_path: Path) -> None:
    (tmp_path / "killed" / "data").mkdir(parents=True)
    program = f"""
import time
from pathlib import Path
from tests.cluster.machine import Cable, Machine
from tests.cluster.reaper import Reaper
folder = Path({str(tmp_path / "killed")!r})
machine = Machine(folder, folder / "data", Cable(), Reaper())
machine.run(["sh", "-c", "setsid sleep 7654321 >/dev/null 2>&1 &"])
print("up", flush=True)
time.sleep(300)
"""
    run = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    with run, run.stdout as output:
        assert output.readline() == "up\n"
        run.kill()
    eventually(lambda: not _sleepers(), timeout_seconds=10)
    eventually(lambda: "vigil-host" not in _links(), timeout_seconds=10)  # its far end went with the machine

    with running_machine(tmp_path) as machine:
        assert ADDRESS in machine.run(["ip", "address"])
        machine.close()
        # While it holds the cable still: later there may be another run's machine.
        assert not list(Path("/sys/fs/cgroup").glob("**/vigil-node"))


def _links() -> str:
    return subprocess.run(["ip", "link"], check=True, capture_output=True, text=True).stdout


def _sleepers() -> list[str]:
    """Processes that the tests have left in a machine, as seen from here."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().split(b"\0")[:2] == [b"sleep", b"7654321"]:
                found.append(path.parent.name)
        except OSError:
            continue
    return found
