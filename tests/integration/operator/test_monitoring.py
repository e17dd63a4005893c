"""Every query of dashboards and alert rules returns data in a real Prometheus."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.cluster.control_plane import ControlPlane
from tests.cluster.polling import eventually
from tests.integration.operator.running import Operator, View, has_openapi_v3
from tests.integration.services.backend import BackendServer, BackendUser
from tests.integration.services.detector import DetectorProcess
from tests.integration.services.prometheus import PrometheusServer, Target, prometheus_server
from tests.integration.services.rtsp import gst_rtsp_server

CHART = Path(__file__).parents[3] / "charts" / "vigil"
RULES = CHART / "rules" / "vigil.yaml"
OF_OPENAPI_V3 = "vigil_definition_fields_missing"
"""See `has_openapi_v3`."""
SELECTOR = re.compile(r"\b(?:vigil|django)_\w+(?:\{[^}]*\})?|\bup\{[^}]*\}")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def dashboard_queries(camera_id: int) -> Iterator[tuple[str, str]]:
    """Return each query's place and its text as Grafana sends it for a short range."""
    for path in sorted((CHART / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", ()):
                expression = target["expr"].replace("$__rate_interval", "30s")
                expression = expression.replace("$namespace", ".*").replace("$camera", str(camera_id))
                yield f"{path.stem}: {panel['title']}", expression


def rule_selectors() -> Iterator[tuple[str, str]]:
    """Return the selectors of each rule. A healthy rule returns nothing; whether it fires is tested elsewhere."""
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            found = SELECTOR.findall(rule["expr"])
            assert found, rule["alert"]
            for selector in found:
                yield rule["alert"], selector


@pytest.fixture
def prometheus(operator: Operator, backend: BackendServer, cctv: DetectorProcess) -> Iterator[PrometheusServer]:
    """A Prometheus that scrapes the three programs, with the labels of the chart's monitors."""
    jobs = {
        "vigil-backend": [Target(f"127.0.0.1:{backend.port}", {"namespace": "vigil-system"})],
        "vigil-operator": [Target(f"127.0.0.1:{operator.port}", {"namespace": "vigil-system"})],
        "vigil-cameras/vigil-detector": [Target(f"127.0.0.1:{cctv.status_port}", {"namespace": "vigil-cameras"})],
    }
    with prometheus_server(jobs, [RULES]) as server:
        yield server


@pytest.fixture
def camera_id(backend: BackendServer, user: BackendUser, shared: Path) -> Iterator[int]:
    """A camera in whose stream a person walks through the frame after six seconds."""
    clip = shared / "videos" / "one-by-one-person-detection.mp4"
    with gst_rtsp_server(clip, plays=0) as camera:
        yield backend.add_camera(
            user.token, name="Gate", rtsp_url=camera.url, is_active=True, detection={"classes": ["person"]}
        )


@pytest.fixture
def cctv(
    backend: BackendServer, user: BackendUser, camera_id: int, shared: Path, tmp_path: Path
) -> Iterator[DetectorProcess]:
    """The camera's detector."""
    model = shared / "models" / "yolov8n_int8_openvino_model"
    token = backend.token(user.username, "pipeline")
    process = DetectorProcess(tmp_path / "cctv", backend.url, token, None, {"VIGIL_MODEL": str(model)})
    process.start()
    yield process
    process.end()


def test_each_query_finds_data(
    vigil_cluster: ControlPlane,
    namespace: str,
    view: View,
    prometheus: PrometheusServer,
    cctv: DetectorProcess,
    camera_id: int,
) -> None:
    with vigil_cluster.add_node(f"{namespace}-node", gpus={"nvidia.com/gpu": 1}):
        eventually(lambda: view.phases() == {f"cam-{camera_id}": "Streaming"}, timeout_seconds=60)
        eventually(
            lambda: cctv.metric("vigil_alert_delivery_seconds_count", camera=str(camera_id)) >= 1,
            60,
            "an alert is stored",
        )
        queries = [*dashboard_queries(camera_id), *rule_selectors()]
        if not has_openapi_v3(vigil_cluster):
            queries = [(where, query) for where, query in queries if query != OF_OPENAPI_V3]
        missing = queries
        deadline = time.monotonic() + 60
        while missing := [(where, query) for where, query in missing if not prometheus.query(query)]:
            assert time.monotonic() < deadline, f"no data for {missing}"
            time.sleep(1)
    assert len(queries) > 60
    assert [rule["name"] for rule in prometheus.rules() if rule["health"] != "ok"] == []
