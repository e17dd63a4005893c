"""From an installation of the chart to alerts, on a real node with real containers.

Two cameras play the clip of the six people, one registered through the API and one by kubectl. While they play, each
process is killed with SIGKILL: operator, worker, backend, PostgreSQL and the kubelet. Then the backend is away, and
the detectors are killed with what they have seen since on their disks. Each camera still has exactly six alerts, with
frames and clips. A real Prometheus scrapes every program. Then a third camera plays the clip while the release goes
back to the chart before this one, and up again. `make e2e` runs it (VIGIL_E2E=1).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.chart.helm import CHART
from tests.cluster.audit import AuditEvent
from tests.cluster.binaries import Binaries
from tests.cluster.fixtures import run_folder
from tests.cluster.machine import HOST_ADDRESS, MachineUnavailableError
from tests.cluster.node import ContainerCluster
from tests.cluster.polling import eventually
from tests.e2e.kubernetes.earlier_chart import earlier_chart
from tests.e2e.kubernetes.installation import CAMERAS, SYSTEM, Installation, install
from tests.e2e.kubernetes.rights import NOT_SEEN, SELDOM_SEEN, granted, used
from tests.integration.services.prometheus import PrometheusServer, prometheus_server
from tests.integration.services.rtsp import RtspServer, gst_rtsp_server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(os.environ.get("VIGIL_E2E") != "1", reason="takes 10 minutes: `make e2e` runs it"),
]

PASSWORD = "p@ss:w/rd %é"
DETECTION = {"frames_per_second": 5, "classes": ["person"], "minimum_confidence": 0.5}
CLIP_SECONDS = 139.0


@pytest.fixture(scope="module")
def installation(kubernetes_binaries: Binaries, shared: Path) -> Iterator[Installation]:
    try:
        cluster = ContainerCluster(kubernetes_binaries, run_folder("e2e"))
    except MachineUnavailableError as error:
        pytest.skip(str(error))
    with cluster:
        yield install(cluster, shared / "models" / "yolov8n_int8_openvino_model")


@pytest.fixture(scope="module")
def cameras(installation: Installation, shared: Path) -> Iterator[dict[str, int]]:
    """Name -> id of both cameras, after their clips have been played and every process was killed once."""
    clip = shared / "videos" / "one-by-one-person-detection.mp4"
    with (
        gst_rtsp_server(clip, username="viewer", password=PASSWORD, host=HOST_ADDRESS) as by_api,
        gst_rtsp_server(clip, username="viewer", password=PASSWORD, host=HOST_ADDRESS) as by_kubectl,
    ):
        try:
            _register(installation, by_api)
            _apply(installation, by_kubectl)
            for server in (by_api, by_kubectl):
                server.wait_for("play 1", timeout_seconds=240)
            _kill_one_after_another(installation, began=time.monotonic())
            installation.wait_until_ready()
            found = eventually(lambda: _ids(installation), timeout_seconds=60)
        finally:
            installation.keep_artefacts("six-people")
        yield found


def _register(installation: Installation, server: RtspServer, name: str = "By the API") -> None:
    with installation.api() as api:
        camera = {"name": name, "rtsp_url": server.url, "is_active": True, "detection": DETECTION}
        answer = api.post("/api/cameras/", json=camera)
        assert answer.status_code == 201, answer.text


def _apply(installation: Installation, server: RtspServer) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "gate-credentials", "namespace": CAMERAS},
        "stringData": {"username": "viewer", "password": PASSWORD},
    }
    detection = {"framesPerSecond": 5, "classes": ["person"], "minimumConfidence": 0.5}
    camera = {
        "apiVersion": "vigil.dev/v1alpha1",
        "kind": "Camera",
        "metadata": {"name": "gate", "namespace": CAMERAS},
        "spec": {
            "displayName": "By kubectl",
            "stream": {"url": server.bare_url, "credentialsSecretRef": {"name": "gate-credentials"}},
            "detection": detection,
        },
    }
    installation.cluster.apply([secret, camera])


def _kill_one_after_another(installation: Installation, *, began: float) -> None:
    """Between the visits and in their middle, whichever it happens to be: none may matter."""

    def wait_until(after_seconds: float) -> None:
        time.sleep(max(0.0, began + after_seconds - time.monotonic()))  # the clip's time is what is waited for

    for after_seconds, pattern in ((15, "vigil-operator run"), (30, "celery"), (45, "gunicorn"), (65, "postgres -D")):
        wait_until(after_seconds)
        assert installation.kill(pattern) >= 1, pattern
    wait_until(85)
    kubelet = installation.cluster.node.kubelet
    kubelet.kill()
    kubelet.start()
    wait_until(100)
    installation.scale("vigil-backend", 0)
    wait_until(CLIP_SECONDS + 10)
    # Newer alerts are only on the detectors' disks: a restarted detector no longer finds a stream.
    assert installation.kill("cctv --camera") >= 2
    installation.scale("vigil-backend", 1)


def _ids(installation: Installation) -> dict[str, int]:
    with installation.api() as api:
        found = {row["name"]: row["id"] for row in api.get("/api/cameras/").raise_for_status().json()["results"]}
    assert {"By the API", "By kubectl"} <= found.keys()
    return found


def _alerts(installation: Installation, camera: int) -> list[dict[str, Any]]:
    with installation.api() as api:
        answer = api.get("/api/alerts/", params={"camera": camera, "alert_type": "person"}).raise_for_status()
        found: list[dict[str, Any]] = answer.json()["results"]
        return found


@pytest.mark.parametrize("name", ["By the API", "By kubectl"])
def test_six_people_give_exactly_six_alerts_whatever_is_killed(
    installation: Installation, cameras: dict[str, int], name: str
) -> None:
    eventually(lambda: _has(installation, cameras[name], 6), timeout_seconds=120, poll_seconds=2)
    assert len({alert["event_id"] for alert in _alerts(installation, cameras[name])}) == 6


def _has(installation: Installation, camera: int, count: int) -> bool:
    try:
        found = _alerts(installation, camera)
    except httpx.HTTPError as error:
        raise AssertionError(str(error)) from error
    assert len(found) == count, [alert["timestamp"] for alert in found]
    assert all(alert["image"] and alert["clip"] for alert in found)
    return True


@pytest.mark.parametrize("name", ["By the API", "By kubectl"])
def test_each_alert_has_an_image_and_a_clip(installation: Installation, cameras: dict[str, int], name: str) -> None:
    with installation.api() as api:
        for alert in _alerts(installation, cameras[name]):
            assert api.get(alert["image"]).content.startswith(b"\xff\xd8")
            assert b"ftyp" in api.get(alert["clip"]).content[:16]


def test_stream_is_tested_before_the_camera_is_added(
    installation: Installation, cameras: dict[str, int], shared: Path
) -> None:
    """What the dashboard's form asks for while an address is typed: the prober's pod answers."""
    clip = shared / "videos" / "one-by-one-person-detection.mp4"
    with (
        gst_rtsp_server(clip, username="viewer", password=PASSWORD, host=HOST_ADDRESS) as server,
        installation.api() as api,
    ):
        typed = {"rtsp_url": server.bare_url, "username": "viewer", "password": PASSWORD}
        asked = api.post("/api/probes/", json=typed)
        assert asked.status_code == 202, asked.text

        def answer() -> dict[str, Any]:
            found: dict[str, Any] = api.get(f"/api/probes/{asked.json()['id']}/").raise_for_status().json()
            assert found["state"] == "done", found
            return found

        found = eventually(answer, timeout_seconds=60, poll_seconds=1)
        assert found["result"]["answers"], found
        assert (found["result"]["codec"], found["result"]["width"], found["result"]["height"]) == ("h264", 768, 432)
        assert api.get(found["snapshot"]).content.startswith(b"\xff\xd8")


def test_cameras_without_a_gpu_fall_back_to_the_cpu_and_report_it(
    installation: Installation, cameras: dict[str, int]
) -> None:
    items = installation.cluster.http.get(f"/apis/vigil.dev/v1alpha1/namespaces/{CAMERAS}/cameras")["items"]
    assert {each["status"]["detector"]["class"] for each in items} == {"cpu"}


def test_a_real_prometheus_scrapes_every_program_and_evaluates_the_charts_rules(
    installation: Installation, cameras: dict[str, int]
) -> None:
    detectors = installation.targets(CAMERAS, 9464, **{"app.kubernetes.io/name": "vigil-detector"})
    jobs = {
        f"vigil-{name}": installation.targets(SYSTEM, port, **{"app.kubernetes.io/name": f"vigil-{program}"})
        for name, program, port in (
            ("backend", "backend", 8000),
            ("worker", "backend", 9466),
            ("operator", "operator", 9465),
        )
    }
    assert len(detectors) == 2
    with prometheus_server({**jobs, "vigil-detectors": detectors}, rules=sorted(CHART.glob("rules/*.yaml"))) as found:
        expected = {name: len(targets) for name, targets in jobs.items()} | {"vigil-detectors": 2}

        def all_up() -> bool:
            up = {each["metric"]["job"]: float(each["value"][1]) for each in found.query("sum by (job) (up)")}
            assert up == expected
            return True

        eventually(all_up, timeout_seconds=60, poll_seconds=1)
        series = {each["metric"]["camera"] for each in found.query("vigil_stream_up")}
        assert len(series) == 2
        assert found.query("vigil_outbox_pending")
        assert found.query('vigil_cameras{phase!=""}')
        eventually(lambda: _evaluated(found), timeout_seconds=30, poll_seconds=1)


def _evaluated(prometheus: PrometheusServer) -> bool:
    rules = prometheus.rules()
    assert rules
    assert {rule["health"] for rule in rules} == {"ok"}, [(rule["name"], rule.get("lastError")) for rule in rules]
    return True


def _asked(installation: Installation) -> list[AuditEvent]:
    user = f"system:serviceaccount:{SYSTEM}:vigil-operator"
    return installation.cluster.audit_events(since=0, user=user)


def test_operator_was_never_forbidden(installation: Installation, cameras: dict[str, int]) -> None:
    refused = {(event.verb, event.resource, event.namespace) for event in _asked(installation) if event.code == 403}
    assert refused == set()


def test_no_credential_is_in_any_log(installation: Installation, cameras: dict[str, int]) -> None:
    folder = installation.keep_artefacts("credentials")
    for log in folder.glob("*.log"):
        text = log.read_text()
        assert "w/rd" not in text, log.name
        assert "w%2Frd" not in text, log.name


def test_helm_test_passes(installation: Installation, cameras: dict[str, int]) -> None:
    (pod,) = installation.at["test"]
    installation.cluster.apply([pod])
    name = pod["metadata"]["name"]

    def ended() -> bool:
        phase = installation.cluster.kubectl_json("get", "pod", name, "--namespace", SYSTEM)["status"]["phase"]
        assert phase in {"Succeeded", "Failed"}
        return bool(phase == "Succeeded")

    assert eventually(ended, timeout_seconds=90), installation.cluster.kubectl("logs", name, "--namespace", SYSTEM)
    installation.cluster.kubectl("delete", "pod", name, "--namespace", SYSTEM)


def test_rollback_and_upgrade_lose_no_alert_and_restart_no_detector(
    installation: Installation, cameras: dict[str, int], shared: Path, tmp_path: Path
) -> None:
    """To the chart before this one and back up to this one, each with every pod of the control plane replaced."""
    name, clip = "During the upgrade", shared / "videos" / "one-by-one-person-detection.mp4"
    with gst_rtsp_server(clip, username="viewer", password=PASSWORD, host=HOST_ADDRESS) as server:
        try:
            _register(installation, server, name)
            server.wait_for("play 1", timeout_seconds=240)
            began = time.monotonic()
            before, control_plane = _running(installation, CAMERAS), _running(installation, SYSTEM)
            installation.upgrade(earlier_chart(tmp_path), moment="pre-rollback")
            rolled_back = _running(installation, SYSTEM)
            assert not rolled_back.keys() & control_plane.keys()
            installation.upgrade(CHART)
            assert not _running(installation, SYSTEM).keys() & rolled_back.keys()
            time.sleep(max(0.0, began + CLIP_SECONDS + 5 - time.monotonic()))  # until the clip has been played
            assert before.items() <= _running(installation, CAMERAS).items(), "a detector was restarted"
            camera = _ids(installation)[name]
            eventually(lambda: _has(installation, camera, 6), timeout_seconds=120, poll_seconds=2)
            with installation.api() as api:
                api.post(f"/api/cameras/{camera}/deactivate/").raise_for_status()
        finally:
            installation.keep_artefacts("upgrade")


def _running(installation: Installation, namespace: str) -> dict[str, int]:
    """Pod's uid -> restarts of its containers, of the pods that are to run on."""
    return {
        each["metadata"]["uid"]: sum(status["restartCount"] for status in each["status"].get("containerStatuses", []))
        for each in installation.pods(namespace)
        if each["status"]["phase"] == "Running" and "deletionTimestamp" not in each["metadata"]
    }


def test_deactivated_camera_has_no_detector(installation: Installation, cameras: dict[str, int]) -> None:
    with installation.api() as api:
        api.post(f"/api/cameras/{cameras['By the API']}/deactivate/").raise_for_status()

    def gone() -> bool:
        kinds = "deployments,networkpolicies,secrets"
        items = installation.cluster.kubectl_json("get", kinds, "--namespace", CAMERAS)["items"]
        labels = [each["metadata"].get("labels") or {} for each in items]
        assert {each["vigil.dev/camera"] for each in labels if "vigil.dev/camera" in each} == {"gate"}
        return True

    eventually(gone, timeout_seconds=60, poll_seconds=1)


def test_uninstall_leaves_only_the_documented_objects(installation: Installation, cameras: dict[str, int]) -> None:
    installation.uninstall()

    def left() -> set[str]:
        found = installation.cluster.http.get("/api/v1/namespaces")["items"]
        assert CAMERAS not in {each["metadata"]["name"] for each in found}
        kinds = "deployments,statefulsets,services,secrets,configmaps,persistentvolumeclaims,jobs,roles,rolebindings"
        items = installation.cluster.kubectl_json("get", kinds, "--namespace", SYSTEM)["items"]
        names = {f"{each['kind']}/{each['metadata']['name']}" for each in items if each.get("type") != _TOKEN_TYPE}
        names -= {"ConfigMap/kube-root-ca.crt"}
        assert names == {
            "Secret/vigil-backend",
            "Secret/vigil-postgresql",
            "PersistentVolumeClaim/vigil-media",
            "PersistentVolumeClaim/data-vigil-postgresql-0",
        }
        return names

    eventually(left, timeout_seconds=180, poll_seconds=2)
    items = installation.cluster.kubectl_json("get", "clusterroles,clusterrolebindings")["items"]
    assert not [each["metadata"]["name"] for each in items if each["metadata"]["name"].startswith("vigil")]


def test_every_right_that_the_chart_grants_was_used(installation: Installation, cameras: dict[str, int]) -> None:
    """Last, since the hook of the uninstallation uses some of them."""
    unused = granted(installation.applied) - used(_asked(installation)) - SELDOM_SEEN
    assert {(right.resource, right.verb) for right in unused} == NOT_SEEN.keys()


_TOKEN_TYPE = "kubernetes.io/service-account-token"
