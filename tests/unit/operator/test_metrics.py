"""Metrics of cameras by phase and reason."""

from __future__ import annotations

from prometheus_client import CollectorRegistry
from tests.unit.operator.builders import camera

from vigil_contracts.names import CameraPhase, Reason
from vigil_operator.core.observed import Camera
from vigil_operator.metrics import Metrics


def _status(phase: str, ready: str, reason: str) -> dict[str, object]:
    return {"phase": phase, "conditions": [{"type": "Ready", "status": ready, "reason": reason}]}


def _read(registry: CollectorRegistry, name: str, label: str) -> dict[str, float]:
    return {
        sample.labels[label]: sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == name
    }


def test_cameras_are_counted_by_phase_and_reason() -> None:
    cameras: list[Camera] = [
        camera("a", status=_status("Streaming", "True", "Streaming")),
        camera("b", status=_status("Pending", "False", "InsufficientGPU")),
        camera("c", status=_status("Pending", "False", "InsufficientGPU")),
        camera("d", status=_status("Failed", "Unknown", "DetectorNotReporting")),
        camera("e"),
    ]
    registry = Metrics(lambda: cameras).registry

    phases = _read(registry, "vigil_cameras", "phase")
    assert {phase: count for phase, count in phases.items() if count} == {"Streaming": 1, "Pending": 2, "Failed": 1}
    reasons = _read(registry, "vigil_cameras_not_ready", "reason")
    assert {reason: count for reason, count in reasons.items() if count} == {
        "InsufficientGPU": 2,
        "DetectorNotReporting": 1,
    }


def test_every_series_exists_from_the_start() -> None:
    registry = Metrics().registry

    assert _read(registry, "vigil_cameras", "phase") == dict.fromkeys((each.value for each in CameraPhase), 0.0)
    assert _read(registry, "vigil_cameras_not_ready", "reason") == dict.fromkeys((each.value for each in Reason), 0.0)


def test_cameras_without_their_requested_gpu_are_counted() -> None:
    cameras = [
        camera("a", status={"detector": {"class": "cpu", "fallbackOf": "gpu", "gpuUnused": True, "device": "cpu"}}),
        camera("b", status={"detector": {"class": "gpu", "device": "cuda:0"}}),
        camera("c"),
    ]
    registry = Metrics(lambda: cameras).registry
    assert registry.get_sample_value("vigil_cameras_gpu_unused") == 1.0
