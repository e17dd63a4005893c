"""What a camera of a class costs: summed up from the detectors' reports, and published only when it changes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.operator.builders import NAMESPACE, NOW, SETTINGS, camera, camera_spec
from tests.unit.operator.test_class_reporter import CLASS_PATH, World

from vigil_contracts.cost import BytePercentiles, CameraCost, CorePercentiles, SharePercentiles
from vigil_operator.core.camera_cost import (
    PUBLISHED_EVERY_SECONDS,
    costs_by_class,
    differs_noticeably,
    excesses,
    per_camera_status,
)
from vigil_operator.kube.camera_costs import SUMMARISED_EVERY_SECONDS, CameraCosts
from vigil_operator.kube.class_reporter import CHECK_AGAIN_SECONDS, ClassReporter
from vigil_operator.kube.client import KubeClient
from vigil_operator.kube.kinds import CAMERA
from vigil_operator.metrics import Metrics
from vigil_operator.sync.directory import Directory
from vigil_operator.sync.reports import UnreadReport

MIB = 1024**2
HEALTH = {"phase": "Streaming", "reason": "Streaming"}
PUBLISHED = {
    "cameras": 1,
    "cpu": {"p50": "210m", "p95": "300m"},
    "memory": {"p50": "230Mi", "p95": "240Mi"},
    "inferenceShare": {"p50": "60m", "p95": "150m"},
}


def cost(cores: float = 0.3, *, mebibytes: int | None = 240, share: float = 0.15) -> CameraCost:
    memory = None if mebibytes is None else BytePercentiles(p50=(mebibytes - 10) * MIB, p95=mebibytes * MIB)
    return CameraCost(
        cpu_cores=CorePercentiles(p50=cores * 0.7, p95=cores),
        memory_bytes=memory,
        inference_share=SharePercentiles(p50=share * 0.4, p95=share),
        seconds=3600,
    )


def test_summary_is_in_quantities_and_never_below_the_measurement() -> None:
    assert per_camera_status([cost()]) == PUBLISHED
    rounded = per_camera_status([cost(1.234, mebibytes=1001, share=1.0)])
    assert rounded["cpu"] == {"p50": "870m", "p95": "1300m"}
    assert rounded["memory"] == {"p50": "1000Mi", "p95": "1100Mi"}
    assert rounded["inferenceShare"]["p95"] == "1"
    nothing = per_camera_status([cost(0.0, mebibytes=None, share=0.0)])
    assert nothing == {"cameras": 1, "cpu": {"p50": "0", "p95": "0"}, "inferenceShare": {"p50": "0", "p95": "0"}}


def test_summary_is_the_median_camera_and_the_one_at_the_95th_percentile() -> None:
    costs = [cost(cores / 100, mebibytes=None) for cores in range(1, 101)]
    summary = per_camera_status(costs)
    assert (summary["cameras"], summary["cpu"]) == (100, {"p50": "350m", "p95": "950m"})


def test_costs_belong_to_the_class_in_use() -> None:
    cameras = [
        camera("cam-1", camera_id=1, status={"detector": {"class": "cpu"}}),
        camera("cam-2", camera_id=2, status={"detector": {"class": "gpu"}}),
        camera("cam-3", camera_id=3, status={"detector": {"class": "gpu"}}),
        camera("cam-4", camera_id=4),
        camera("own", camera_id=None, status={"cameraId": 5, "detector": {"class": "gpu"}}),
    ]
    costs = {number: cost(number / 10) for number in (1, 2, 4, 5, 6)}
    found = costs_by_class(cameras, costs)
    assert {name: [each.cpu_cores.p95 for each in known] for name, known in found.items()} == {
        "cpu": [0.1],
        "gpu": [0.2, 0.5],
    }


@pytest.mark.parametrize(
    ("change", "is_noticeable"),
    [
        ({}, False),
        ({"cpu": {"p50": "220m", "p95": "320m"}}, False),
        ({"cpu": {"p50": "210m", "p95": "340m"}}, True),
        ({"memory": {"p50": "230Mi", "p95": "270Mi"}}, True),
        ({"memory": {"p50": "230Mi", "p95": "247Mi"}}, False),
        ({"inferenceShare": {"p50": "66m", "p95": "150m"}}, False),
        ({"inferenceShare": {"p50": "60m", "p95": "250m"}}, True),
        ({"cameras": 2}, True),
    ],
)
def test_small_changes_are_not_noticeable(change: dict[str, Any], is_noticeable: bool) -> None:
    assert differs_noticeably(PUBLISHED, PUBLISHED | change) is is_noticeable


def test_number_of_many_cameras_changes_by_a_tenth() -> None:
    assert not differs_noticeably(PUBLISHED | {"cameras": 1000}, PUBLISHED | {"cameras": 1050})
    assert differs_noticeably(PUBLISHED | {"cameras": 1000}, PUBLISHED | {"cameras": 1200})


@pytest.mark.parametrize(
    "published", [{}, {"cpu": "1"}, PUBLISHED | {"cpu": {}}, PUBLISHED | {"memory": {"p50": "x"}}]
)
def test_unreadable_value_is_replaced(published: dict[str, Any]) -> None:
    assert differs_noticeably(published, PUBLISHED)


def test_needs_above_the_requests_are_named() -> None:
    requests = {"cpu": "200m", "memory": "1Gi", "nvidia.com/gpu": "1"}
    assert excesses(PUBLISHED, requests) == [("cpu", "300m", "200m")]
    assert excesses(PUBLISHED, {"cpu": "300m", "memory": "200Mi"}) == [("memory", "240Mi", "200Mi")]
    assert excesses(PUBLISHED, {}) == []
    assert excesses({"cameras": 1}, requests) == []


class MeasuredWorld(World):
    """A class with a camera whose detector reports what it costs."""

    def __init__(self, **spec: Any) -> None:
        super().__init__(**spec)
        self.measured: dict[int, CameraCost] = {}
        self.reads = 0
        metadata = {"name": "c", "namespace": NAMESPACE, "uid": "u", "resourceVersion": "7"}
        status = {"cameraId": 7, "detector": {"class": "gpu"}}
        self.store.observe(CAMERA, {"metadata": metadata, "spec": camera_spec(), "status": status})
        self.restart()

    def restart(self) -> None:
        """A new operator."""
        self.reporter = ClassReporter(
            kube=KubeClient(self.server),
            store=self.store,
            queue=self.queue,
            metrics=Metrics(self.store.cameras.values),
            settings=SETTINGS,
            namespace=NAMESPACE,
            costs=CameraCosts(self.store, self, monotonic=lambda: self.now),
            clock=lambda: NOW,
            monotonic=lambda: self.now,
        )

    def costs(self) -> dict[int, CameraCost]:
        self.reads += 1
        return self.measured

    def report_after(self, seconds: float) -> bool:
        """Let time pass and report; return whether the status of the class was written."""
        self.now += seconds
        return f"{CLASS_PATH}/status" in self.report()

    def per_camera(self) -> Any:
        return self.status()["capacity"].get("perCamera")

    def verdict(self) -> list[tuple[str, str, str]]:
        conditions = self.status()["conditions"]
        found = [each for each in conditions if each["type"] == "RequestsSufficient"]
        return [(each["status"], each["reason"], each["message"]) for each in found]


def test_class_says_what_a_camera_costs_once_it_is_measured() -> None:
    world = MeasuredWorld()
    world.report()
    assert (world.per_camera(), world.verdict()) == (None, [])
    world.measured = {7: cost()}
    assert world.report_after(SUMMARISED_EVERY_SECONDS)
    assert world.per_camera() == PUBLISHED
    assert world.verdict() == [
        ("True", "Sufficient", "Detectors of this class request as much CPU and memory as they need.")
    ]


def test_small_changes_cause_no_write_and_large_ones_one_in_five_minutes() -> None:
    world = MeasuredWorld()
    world.measured = {7: cost()}
    world.report()
    for number in range(20):
        world.measured = {7: cost(0.29 + number % 3 / 100)}
        assert not world.report_after(SUMMARISED_EVERY_SECONDS)
    world.measured = {7: cost(0.9)}
    assert world.report_after(SUMMARISED_EVERY_SECONDS)
    assert world.per_camera()["cpu"]["p95"] == "900m"
    world.measured = {7: cost(0.3)}
    assert not world.report_after(PUBLISHED_EVERY_SECONDS - 1)
    assert world.report_after(SUMMARISED_EVERY_SECONDS)
    assert world.per_camera()["cpu"]["p95"] == "300m"


def test_field_that_the_api_server_drops_is_not_written_again_and_again() -> None:
    world = MeasuredWorld()
    world.measured = {7: cost(0.30)}
    costs = CameraCosts(world.store, world, monotonic=lambda: world.now)
    (found,) = world.store.class_map().values()
    first = costs.per_camera(found)
    for number in range(1, 4):
        world.now += PUBLISHED_EVERY_SECONDS
        world.measured = {7: cost(0.30 + number / 200)}
        assert costs.per_camera(found) == first
    world.measured = {7: cost(0.9)}
    world.now += PUBLISHED_EVERY_SECONDS
    assert costs.per_camera(found) != first


def test_reports_are_summarised_rarely() -> None:
    world = MeasuredWorld()
    world.report()
    for _ in range(5):
        world.report_after(SUMMARISED_EVERY_SECONDS / 6)
    assert world.reads == 1
    world.report_after(SUMMARISED_EVERY_SECONDS / 6)
    assert world.reads == 2


def test_value_stays_without_measured_cameras_and_over_a_restart() -> None:
    world = MeasuredWorld()
    world.measured = {7: cost()}
    world.report()
    world.measured = {}
    assert not world.report_after(PUBLISHED_EVERY_SECONDS)
    world.restart()
    world.report()
    assert world.per_camera() == PUBLISHED
    world.measured = {7: cost(0.9)}
    assert world.report_after(SUMMARISED_EVERY_SECONDS), "the new operator knows no earlier write"


def test_request_below_the_need_is_a_condition() -> None:
    resources = {"requests": {"cpu": "250m", "memory": "1Gi"}}
    world = MeasuredWorld(runtime="openvino", model="yolov8n", resources=resources)
    world.measured = {7: cost(1.25)}
    world.report()
    message = (
        "Detectors of this class need more than they request (95th percentile): cpu: 1300m needed, 250m requested."
        " Nodes may get more detectors than they can serve. Raise spec.resources.requests."
    )
    assert world.verdict() == [("False", "RequestsTooLow", message)]
    assert [each["status"] for each in world.status()["conditions"] if each["type"] == "Accepted"] == ["True"]


def test_definition_of_an_earlier_version_gets_the_rest_of_the_status(caplog: pytest.LogCaptureFixture) -> None:
    world = MeasuredWorld()
    world.report()
    world.measured = {7: cost()}
    refused: list[str] = []

    def fail(method: str, path: str) -> int | None:
        if path != f"{CLASS_PATH}/status" or refused:
            return None
        refused.append(path)
        return 500

    world.server.fail = fail
    world.server.failure = "cannot create patch: .status.capacity.perCamera: field not declared in schema"
    for _ in range(3):
        world.report_after(SUMMARISED_EVERY_SECONDS / 2)
    assert (len(refused), world.per_camera(), world.verdict()) == (1, None, [])
    assert "lacks status.capacity.perCamera, which is left out; upgrade the chart" in caplog.text
    assert "retrying" not in caplog.text
    world.report_after(CHECK_AGAIN_SECONDS)
    assert world.per_camera() == PUBLISHED


def test_directory_reads_the_costs_of_measured_cameras() -> None:
    directory = Directory()
    healths: dict[int, Any] = {
        1: HEALTH | {"cost": cost().model_dump()},
        2: HEALTH | {"cost": None},
        3: HEALTH,
        4: HEALTH | {"cost": {"cpu_cores": "many"}},
        5: {"cost": cost(0.7).model_dump(), "phase": "OfTheFuture", "reason": "New"},
    }
    reports = {number: UnreadReport.of(json.dumps(health).encode(), b"{}") for number, health in healths.items()}
    directory.update_reports(reports)
    found = {number: per_camera_status([each]) for number, each in directory.costs().items()}
    assert found == {1: per_camera_status([cost()]), 5: per_camera_status([cost(0.7)])}


def test_costs_reconcile_no_camera() -> None:
    directory = Directory()
    for cores, changed in ((0.3, {1}), (0.9, set())):
        health = json.dumps(HEALTH | {"cost": cost(cores).model_dump()}).encode()
        assert directory.update_reports({1: UnreadReport.of(health, b"{}")}) == changed
