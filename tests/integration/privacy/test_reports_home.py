"""No telemetry: each program runs in a network that records look-ups and connections, and makes none."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from tests.cluster.control_plane import ControlPlane
from tests.cluster.processes import free_ports
from tests.cluster.reaper import Reaper
from tests.integration.operator.running import Operator, install_definitions, install_rights
from tests.integration.services.backend import backend_server
from tests.integration.services.closed_network import ClosedNetwork, closed_network, closed_network_problem, relay
from tests.integration.services.kept_inputs import link_demo_clip

ROOT = Path(__file__).parents[3]
ULTRALYTICS = ROOT / ".venvs" / "ultralytics" / "bin" / "python"
PROBLEM = closed_network_problem()
_KEPT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(PROBLEM is not None, reason=str(PROBLEM)),
]

USE_ULTRALYTICS = """
import sys
from pathlib import Path
import numpy as np
from cctv.detectors.ultralytics_runtime import import_ultralytics
weights = Path(sys.argv[1])
_, ultralytics = import_ultralytics(weights)
from ultralytics.utils import ONLINE, TESTS_RUNNING
assert not TESTS_RUNNING, "ultralytics sends nothing while it believes that it is tested"
ultralytics.YOLO("yolov8n.yaml").save(weights)
network = ultralytics.YOLO(weights)
network.predict(np.zeros((64, 64, 3), np.uint8), imgsz=64, verbose=False)
print(network.export(format="openvino", imgsz=64))
print("online" if ONLINE else "offline")
"""
LOOK_UP = "import socket; socket.getaddrinfo('vigil.example', 443)"
CONNECT = "import socket; s = socket.socket(); s.settimeout(0.2); s.connect_ex(('198.51.100.7', 443))"
SEND = "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'?', ('239.255.255.250', 3702))"
SEND_IP6 = "import socket; socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b'?', ('2001:db8:1::7', 53))"


@pytest.fixture
def network(tmp_path: Path) -> Iterator[ClosedNetwork]:
    with closed_network(tmp_path) as made:
        yield made


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (LOOK_UP, "look-up vigil.example"),
        (CONNECT, "tcp 198.51.100.7:443"),
        (SEND, "udp 239.255.255.250:3702"),
        (SEND_IP6, "udp [2001:db8:1::7]:53"),
    ],
)
def test_network_records_connection_attempts(network: ClosedNetwork, program: str, expected: str) -> None:
    network.call(lambda: subprocess.run([sys.executable, "-c", program], check=True, timeout=30))
    _wait(lambda: expected in network.attempts(), 5, lambda: f"{expected} in {network.attempts()}")


def test_vigil_run_makes_no_external_connections(
    network: ClosedNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Backend, detector with the demo model, and demo camera, from start to alert to shutdown."""
    _become_a_new_user(monkeypatch, tmp_path)
    data, port = tmp_path / "data", free_ports(1)[0]
    link_demo_clip(data)
    environment = {**os.environ, "PORT": str(port), "VIGIL_DATA_DIR": str(data)}
    log = tmp_path / "run.log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "vigil_standalone", "run"]
        run = network.call(lambda: subprocess.Popen(command, env=environment, stdout=output, stderr=output))
    try:
        _wait(lambda: network.call(lambda: _has_alert(port, data)), 120, log.read_text)
        sockets = network.unix_sockets()
    finally:
        run.terminate()
        status = run.wait(60)
    assert status == 0, log.read_text()
    assert network.attempts() == []
    assert sockets == [], "gunicorn's control socket, or another way into a program"
    assert not list((tmp_path / "home").rglob("*.ctl"))


def test_operator_contacts_only_its_two_servers(
    network: ClosedNetwork, cluster: ControlPlane, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The API server and the backend run outside, accessible through relays on the network's loopback."""
    _become_a_new_user(monkeypatch, tmp_path)
    install_definitions(cluster)
    system = cluster.create_namespace(f"{namespace}-system")
    install_rights(cluster, system, namespace)
    reaper = Reaper()
    try:
        with (
            backend_server(tmp_path / "backend") as backend,
            relay(network, cluster.servers.port),
            relay(network, backend.port),
        ):
            backend.create_user("anna")
            token = backend.token("anna", "operator")
            operator = Operator(cluster, system, namespace, backend.url, token, reaper)
            network.call(operator.start)
            synced = "vigil_sync_last_success_timestamp_seconds"
            _wait(lambda: network.call(lambda: operator.metric(synced)) > 0, 30, operator.process.log_tail)
            network.call(operator.process.stop)
    finally:
        reaper.close()
        cluster.delete_namespace(system, wait=False)
    assert network.attempts() == []


@pytest.mark.skipif(not ULTRALYTICS.exists(), reason="bash tools/setup.sh .venvs/ultralytics locks/ultralytics.txt")
def test_ultralytics_makes_no_external_connections(
    network: ClosedNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A prediction and an export, each of which it would report if it considered itself online."""
    _become_a_new_user(monkeypatch, tmp_path)
    command = [str(ULTRALYTICS), "-c", USE_ULTRALYTICS, str(tmp_path / "made.pt")]
    done = network.call(
        lambda: subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=200)
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "offline"
    assert network.attempts() == []


def _become_a_new_user(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Use an empty home and remove variables of pytest and CI: some libraries send nothing if they find them.

    Called in the test itself, since pytest sets PYTEST_CURRENT_TEST again after the fixtures.
    """
    for name in os.environ.keys() - set(_KEPT):
        monkeypatch.delenv(name)
    home = folder / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))


def _has_alert(port: int, data: Path) -> bool:
    token = data / "secrets" / "user-token"
    if not token.exists():
        return False
    headers = {"Authorization": f"Token {token.read_text().strip()}"}
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/api/alerts/", headers=headers, timeout=5, verify=False)
    except httpx.HTTPError:
        return False
    return answer.status_code == httpx.codes.OK and bool(answer.json()["results"])


def _wait(condition: Callable[[], bool], timeout_seconds: float, text: Callable[[], str]) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, text()
        time.sleep(0.2)
