"""The operator at scale: real etcd, API server, scheduler and controllers, the real backend on PostgreSQL.

A stand-in kubelet marks pods Running, and simulated detectors send heartbeats. VIGIL_BENCH_CAMERAS sets
how many cameras (1,000; 10,000 take about half an hour), VIGIL_BENCH_PARTS the measured operators (ours,plain).
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event, Thread

import httpx
import psycopg2
from tests.bench.report import Measurement
from tests.cluster.audit import POLICY_WITHOUT_BODIES
from tests.cluster.binaries import ensure_binaries
from tests.cluster.control_plane import ControlPlane
from tests.cluster.fixtures import run_folder
from tests.cluster.polling import eventually
from tests.cluster.processes import ServerProcess
from tests.cluster.reaper import Reaper
from tests.cluster.servers import ControlPlaneOptions
from tests.integration.operator.running import Operator, View, install_definitions, install_rights
from tests.integration.services.backend import BackendServer, BackendUser, backend_server
from tests.integration.services.postgres import postgres_server

CAMERAS = int(os.environ.get("VIGIL_BENCH_CAMERAS", "1000"))
THOUSANDS = max(1.0, CAMERAS / 1000)
"""The factor by which goals for a thousand cameras grow with more cameras."""
PARTS = os.environ.get("VIGIL_BENCH_PARTS", "ours,plain").split(",")
PODS_ON_A_NODE = 250
STEADY_SECONDS = 60
CHANGES = 15
QUIET_SECONDS = 12
PATIENCE_SECONDS = 900
HEARTBEAT_SECONDS = 5
# Heartbeats of all detectors in one statement, since their cost in the backend is not measured here. A detector
# reports once it has loaded its model.
HEARTBEATS = """
INSERT INTO surveillance_camerahealth
  (camera_id, phase, reason, message, codec, spooled_alerts, detector, revision, reported_at)
SELECT id, 'Streaming', 'Streaming', '', 'h264', 0, '', '', now() FROM surveillance_camera
WHERE is_active AND activated_at < now() - interval '15 s'
ON CONFLICT (camera_id) DO UPDATE SET reported_at = EXCLUDED.reported_at
"""
OPTIONS = ControlPlaneOptions(audit_policy=POLICY_WITHOUT_BODIES)
TICKS = os.sysconf("SC_CLK_TCK")
ENVIRONMENT = {
    "VIGIL_SYNC_INTERVAL_SECONDS": "1.5",
    "VIGIL_RESYNC_INTERVAL_SECONDS": "45",
    "VIGIL_LOG_LEVEL": "WARNING",
}


@dataclass
class World:
    cluster: ControlPlane
    backend: BackendServer
    user: BackendUser
    token: str
    reaper: Reaper

    @contextmanager
    def place(self, name: str) -> Iterator[tuple[str, View]]:
        """Create a namespace for cameras and one for the operator, `<name>-system`."""
        self.cluster.create_namespace(name)
        self.cluster.create_namespace(f"{name}-system")
        install_rights(self.cluster, f"{name}-system", name)
        try:
            yield f"{name}-system", View(self.cluster, name)
        finally:
            self.cluster.delete_namespace(name, wait=False)
            self.cluster.delete_namespace(f"{name}-system", wait=False)

    def operator(self, system: str, namespace: str) -> Operator:
        return Operator(
            self.cluster, system, namespace, self.backend.url, self.token, self.reaper, environment=ENVIRONMENT
        )


def measure() -> list[Measurement]:
    """Measure all figures."""
    with world() as made:
        ids = add_cameras(made)
        figures = measure_ours(made, ids) if "ours" in PARTS else []
        if "plain" in PARTS:
            set_active(made, ids, active=False)
            figures += measure_plain(made, ids)
    return figures


@contextmanager
def world() -> Iterator[World]:
    """Everything except the operator."""
    reaper = Reaper()
    with (
        tempfile.TemporaryDirectory() as folder,
        postgres_server() as postgres,
        backend_and_heartbeats(Path(folder) / "backend", postgres.create_database()) as backend,
        ControlPlane(ensure_binaries(), run_folder("bench-operator"), OPTIONS) as cluster,
    ):
        install_definitions(cluster)
        for number in range(CAMERAS // PODS_ON_A_NODE + 1):
            gpus = {"nvidia.com/gpu": PODS_ON_A_NODE}
            cluster.add_node(
                f"bench-{number}", gpus=gpus, cpu="500", memory="1000Gi", pods=PODS_ON_A_NODE, storage="1000Gi"
            )
        user = backend.create_user("bench", is_superuser=True)
        try:
            yield World(cluster, backend, user, backend.token(user.username, "operator"), reaper)
        finally:
            reaper.close()


@contextmanager
def backend_and_heartbeats(folder: Path, database_url: str) -> Iterator[BackendServer]:
    with backend_server(folder, database_url=database_url, workers=2) as backend, heartbeats(database_url):
        yield backend


@contextmanager
def heartbeats(database_url: str) -> Iterator[None]:
    """Report frames for all active cameras; the backend would consider them offline otherwise."""
    done = Event()

    def report() -> None:
        with closing(psycopg2.connect(database_url)) as connection:
            connection.autocommit = True
            while not done.wait(HEARTBEAT_SECONDS):
                with connection.cursor() as cursor:
                    cursor.execute(HEARTBEATS)

    thread = Thread(target=report, name="heartbeats")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def measure_ours(world: World, ids: list[int]) -> list[Measurement]:
    with world.place("bench-ours") as (system, view):
        operator = world.operator(system, "bench-ours")
        operator.start()
        mark = world.cluster.audit_mark()
        began = time.monotonic()
        set_active(world, ids, active=True)
        activated = time.monotonic() - began
        eventually(lambda: count(view, "deployments") == len(ids), timeout_seconds=PATIENCE_SECONDS, poll_seconds=0.5)
        existed = time.monotonic() - began
        eventually(lambda: streaming(operator) == len(ids), timeout_seconds=PATIENCE_SECONDS, poll_seconds=1)
        settled = time.monotonic() - began
        quiet(operator)
        writes = len(operator.writes(mark)) / len(ids)
        goal = 60.0 * THOUSANDS
        figures = [
            Measurement.plain("cameras", len(ids), ""),
            Measurement.plain("all activated through the API after", activated, "s"),
            Measurement.at_most("all Deployments exist after", existed, "s", goal),
            Measurement.plain("Deployments: seconds per thousand", existed / len(ids) * 1000, "s"),
            Measurement.plain("all cameras Streaming after", settled, "s"),
            Measurement.at_most("writes per camera", writes, "", 10),
        ]
        figures += measure_steady(world, operator)
        figures += measure_changes(world, view, ids)
        figures += measure_restart(world, operator, len(ids))
        lost = operator.log.read_text().count("leadership lost")
        figures += [Measurement.at_most("leadership lost", lost, "times", 0)]
        operator.process.stop()
    return figures


def measure_steady(world: World, operator: Operator) -> list[Measurement]:
    mark, cpu = world.cluster.audit_mark(), cpu_seconds(operator.process.pid)
    time.sleep(STEADY_SECONDS)
    share = (cpu_seconds(operator.process.pid) - cpu) / STEADY_SECONDS * 100
    user = f"system:serviceaccount:{operator.system}:vigil-operator"
    requests = world.cluster.audit_events(since=mark, user=user)
    leases = sum(event.resource == "leases" for event in requests)
    minute = 60 / STEADY_SECONDS
    return [
        Measurement.at_most("steady: share of one core", share, "%", 2 * THOUSANDS),
        Measurement.at_most("steady: memory", resident_megabytes(operator.process.pid), "MB", 200 * THOUSANDS),
        Measurement.at_most("steady: API requests, lease aside", (len(requests) - leases) * minute, "1/min", 30),
        Measurement.plain("steady: renewals of the lease", leases * minute, "1/min"),
    ]


def measure_changes(world: World, view: View, ids: list[int]) -> list[Measurement]:
    took = []
    with world.backend.client(world.user.token) as api:
        for camera_id in ids[: CHANGES * 3 : 3]:
            before = version(view, camera_id)
            began = time.monotonic()
            answer = api.patch(f"/api/cameras/{camera_id}/", json={"detector_class_name": "cpu"})
            assert answer.status_code == httpx.codes.OK, answer.text
            eventually(partial(has_changed, view, camera_id, before), poll_seconds=0.02)
            took.append(time.monotonic() - began)
    return [
        Measurement.at_most("one change: Deployment changed after (median)", statistics.median(took), "s", 2),
        Measurement.plain("one change: the slowest", max(took), "s"),
    ]


def measure_restart(world: World, operator: Operator, cameras: int) -> list[Measurement]:
    # The pod of the last change is still starting; its updates are not caused by the restart.
    quiet(operator)
    eventually(lambda: streaming(operator) == cameras, timeout_seconds=120, poll_seconds=1)
    operator.process.stop()
    mark = world.cluster.audit_mark()
    began = time.monotonic()
    operator.start()
    eventually(
        lambda: operator.metric("vigil_reconcile_seconds_count") >= cameras, timeout_seconds=120, poll_seconds=0.5
    )
    caught_up = time.monotonic() - began
    return [
        Measurement.at_most("restart: all looked at after", caught_up, "s", 30),
        Measurement.at_most("restart: writes", len(operator.writes(mark)), "", 0),
    ]


def measure_plain(world: World, ids: list[int]) -> list[Measurement]:
    """Measure a kopf operator written the usual way."""
    with world.place("bench-plain") as (_, view):
        process = ServerProcess(
            "plain",
            [sys.executable, "-m", "tests.bench.operator.plain_operator"],
            world.cluster.folder / "plain.log",
            world.reaper,
            environment={
                **os.environ,
                "VIGIL_API_URL": world.backend.url,
                "VIGIL_TOKEN": world.token,
                "VIGIL_NAMESPACE": "bench-plain",
                "KUBECONFIG": str(world.cluster.kubeconfig),
            },
        )
        process.start()
        mark = world.cluster.audit_mark()
        began = time.monotonic()
        set_active(world, ids, active=True)
        with suppress(AssertionError):
            eventually(lambda: count(view, "deployments") == len(ids), timeout_seconds=300, poll_seconds=0.5)
        existed, made = time.monotonic() - began, count(view, "deployments")
        assert made, "the plain operator made nothing, with which nothing can be compared"
        events = world.cluster.audit_events(since=mark, namespace="bench-plain", user_agent="plain")
        time.sleep(15)
        cpu = cpu_seconds(process.pid)
        time.sleep(STEADY_SECONDS)
        share = (cpu_seconds(process.pid) - cpu) / STEADY_SECONDS * 100
        memory = resident_megabytes(process.pid)
        process.kill()
    return [
        Measurement.plain("plain kopf operator: Deployments made", made, ""),
        Measurement.plain("plain kopf operator: after", existed, "s"),
        Measurement.plain("plain kopf operator: requests of its client per camera", len(events) / max(made, 1), ""),
        Measurement.plain("plain kopf operator: steady share of one core", share, "%"),
        Measurement.plain("plain kopf operator: memory", memory, "MB"),
    ]


def add_cameras(world: World) -> list[int]:
    """Add inactive cameras through the API."""

    def add(number: int) -> int:
        url = f"rtsp://u:p@10.0.{number // 250}.{number % 250 + 1}/s"
        answer = api.post("/api/cameras/", json={"name": f"Camera {number}", "rtsp_url": url, "is_active": False})
        assert answer.status_code == httpx.codes.CREATED, answer.text
        return int(answer.json()["id"])

    # One client: creating one takes longer than adding a camera.
    with world.backend.client(world.user.token) as api, ThreadPoolExecutor(8) as pool:
        return sorted(pool.map(add, range(CAMERAS)))


def set_active(world: World, ids: list[int], *, active: bool) -> None:
    action = "activate" if active else "deactivate"
    with world.backend.client(world.user.token) as api, ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda camera_id: api.post(f"/api/cameras/{camera_id}/{action}/").status_code, ids)
        assert set(answers) == {httpx.codes.OK}


def count(view: View, plural: str) -> int:
    """Count objects by metadata only: the full list would cost more than the measured operation."""
    page = view.cluster.http.get(f"/apis/apps/v1/namespaces/{view.namespace}/{plural}", limit="1")
    return int(page["metadata"].get("remainingItemCount", 0)) + len(page["items"])


def streaming(operator: Operator) -> float:
    return operator.metric('vigil_cameras{phase="Streaming"}')


def version(view: View, camera_id: int) -> int:
    path = f"/apis/apps/v1/namespaces/{view.namespace}/deployments/cam-{camera_id}-detector"
    return int(view.cluster.http.get(path)["metadata"]["generation"])


def has_changed(view: View, camera_id: int, before: int) -> bool:
    return version(view, camera_id) != before


def quiet(operator: Operator) -> None:
    """Wait until nothing has been written for the start time of a pod."""
    mark, since = operator.cluster.audit_mark(), time.monotonic()
    while time.monotonic() - since < QUIET_SECONDS:
        time.sleep(0.5)
        if operator.writes(mark):
            mark, since = operator.cluster.audit_mark(), time.monotonic()


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_megabytes(pid: int) -> float:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024
