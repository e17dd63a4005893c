"""Servers started by tests end with the run, however it ends."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster.processes import (
    ProcessFailedError,
    ServerProcess,
    free_ports,
    group_lives,
    is_listening,
    wait_until_free,
)
from tests.cluster.reaper import Reaper, start_ticks

ROOT = Path(__file__).parents[3]


@pytest.fixture
def reaper() -> Iterator[Reaper]:
    watcher = Reaper()
    yield watcher
    watcher.close()


def test_a_run_that_is_killed_leaves_no_server_and_no_data_behind(tmp_path: Path) -> None:
    program = f"""
import time
from pathlib import Path
from tests.cluster.processes import ServerProcess
from tests.cluster.reaper import Reaper
reaper = Reaper()
folder = reaper.temporary_folder("vigil-test-")
(folder / "data").write_text("something")
server = ServerProcess("sleep", ["sh", "-c", "sleep 300 & wait"], Path({str(tmp_path / "log")!r}), reaper)
server.start()
print(server.pid, folder, flush=True)
time.sleep(300)
"""
    run = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    with run, run.stdout as output:
        number, folder = output.readline().split()
        pid = int(number)
        assert Path(folder, "data").exists()
        assert start_ticks(pid) is not None
        run.kill()
    deadline = time.monotonic() + 10
    while group_lives(pid) or Path(folder).exists():
        assert time.monotonic() < deadline, "the server or its data outlived its run"
        time.sleep(0.02)


def test_a_server_that_ends_early_shows_its_log(tmp_path: Path, reaper: Reaper) -> None:
    command = ["sh", "-c", "echo no such flag; exit 3"]
    server = ServerProcess("broken", command, tmp_path / "log", reaper)
    server.start()
    with pytest.raises(ProcessFailedError, match="broken ended with status 3") as raised:
        server.wait_until(lambda: False, 10)
    assert "no such flag" in str(raised.value)


def test_unresponsive_server_fails(tmp_path: Path, reaper: Reaper) -> None:
    server = ServerProcess("silent", ["sleep", "60"], tmp_path / "log", reaper)
    server.start()
    with pytest.raises(ProcessFailedError, match="silent was not ready"):
        server.wait_until(lambda: False, 0.1)
    server.kill()


def test_kill_ends_children_and_frozen_servers_too(tmp_path: Path, reaper: Reaper) -> None:
    server = ServerProcess("family", ["sh", "-c", "sleep 300 & wait"], tmp_path / "log", reaper)
    server.start()
    pid = server.pid
    server.freeze()
    server.kill()
    assert not server.is_running
    assert not group_lives(pid)


def test_a_server_can_be_started_again(tmp_path: Path, reaper: Reaper) -> None:
    server = ServerProcess("sleep", ["sleep", "60"], tmp_path / "log", reaper)
    server.start()
    with pytest.raises(ProcessFailedError, match="runs already"):
        server.start()
    server.kill()
    server.start()
    assert server.is_running
    server.stop()
    with pytest.raises(ProcessFailedError, match="not running"):
        _ = server.pid


def test_reaper_spares_a_foreign_process_with_the_same_pid(reaper: Reaper) -> None:
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)
    reaper._tell(f"+{stranger.pid} 1")  # watched under another start time: the number was given out again
    reaper.close()
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_free_ports_differ_and_lie_below_outgoing_ones() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    assert all(20_000 <= port < 32_000 for port in ports)
    assert not any(is_listening(port) for port in ports)
    wait_until_free(ports[0])


def test_parallel_workers_get_different_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "2")
    given: list[set[int]] = []
    for worker in ("gw0", "gw1"):
        monkeypatch.setenv("PYTEST_XDIST_WORKER", worker)
        given.append({port for _ in range(15) for port in free_ports(100)})
        assert len(given[-1]) == 1500, "nor is one given away twice"
    assert not given[0] & given[1]
