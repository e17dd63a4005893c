"""Flux, Helm, Argo CD and `kubectl wait` read cameras and classes as they are."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import lupa
import pytest
from tests.unit.operator.builders import NOW, camera, detector_class
from tests.unit.operator.kstatus import compute
from tests.unit.operator.test_crds import schema

from vigil_contracts.names import CameraPhase, ConditionStatus, Reason
from vigil_operator.core.class_status import Acceptance, build_class_status
from vigil_operator.core.pods import PodState
from vigil_operator.core.status import (
    GOALS_WITHOUT_DETECTOR,
    STALLED_REASONS,
    Verdict,
    render_status,
    stopped,
    synced,
    watched,
)

DOCUMENTATION = Path(__file__).parents[3] / "docs" / "kubernetes.md"
SYNCED = synced(Reason.SYNCED)

NEEDS_PERSON = {
    *("InvalidSpec", "DetectorClassNotFound", "DetectorRefused", "ImagePullFailed", "DetectorCrashing"),
    *("ModelInvalid", "DeviceUnavailable", "StreamUnauthorized", "StreamNotFound", "StreamFrozen"),
    *("StreamUnsupported", "StreamForbidden"),
}
MAY_PASS = {
    *("Starting", "StreamUnreachable", "StreamTimeout", "StreamEnded", "ModelUnavailable", "BackendUnreachable"),
    *("DetectorNotReporting", "InsufficientGPU", "InsufficientResources", "NotRegistered", "EventsUnavailable"),
}
STREAMS = {"Streaming", "RecordingUnavailable", "AudioUnavailable"}
AT_ITS_GOAL = {"Inactive", "Asleep"} | STREAMS
NEVER_OF_READY = {"Synced", "Scheduled"}


def verdict(reason: Reason) -> Verdict:
    """The state of a camera whose `Ready` has the reason."""
    if reason in GOALS_WITHOUT_DETECTOR:
        return stopped(reason, "", SYNCED, 7)
    state = PodState(True, Reason.SCHEDULED, "", reason in STREAMS, reason, "")
    return watched(state, SYNCED, camera_id=7, class_name="gpu", pod="p", node="n", stream={})


def resource(reason: Reason, *, generation: int = 3) -> dict[str, Any]:
    status = render_status(verdict(reason), previous={}, generation=3, now=NOW)
    return {"metadata": {"generation": generation}, "status": status}


def detclass(acceptance: Acceptance) -> dict[str, Any]:
    status = build_class_status(detector_class(), acceptance, 2, NOW)
    return {"metadata": {"generation": status["observedGeneration"]}, "status": status}


@cache
def argo_script() -> str:
    (script,) = re.findall(r"```lua\n(.*?)```", DOCUMENTATION.read_text(), flags=re.DOTALL)
    return str(script)


def argo(found: dict[str, Any]) -> tuple[str, str]:
    """What Argo CD says by the script of the documentation: it is called with `obj`."""
    lua = lupa.LuaRuntime(unpack_returned_tuples=True)
    lua.globals()["obj"] = lua.table_from(found, recursive=True)
    health = lua.execute(argo_script())
    return health["status"], health["message"]


def test_every_reason_is_sorted() -> None:
    assert {reason.value for reason in Reason} == NEEDS_PERSON | MAY_PASS | AT_ITS_GOAL | NEVER_OF_READY
    assert {reason.value for reason in STALLED_REASONS} == NEEDS_PERSON


@pytest.mark.parametrize("name", sorted(NEEDS_PERSON | MAY_PASS | AT_ITS_GOAL))
def test_tools_read_the_state_of_a_camera(name: str) -> None:
    found = resource(Reason(name))
    expected = ("Failed", "Degraded") if name in NEEDS_PERSON else ("InProgress", "Progressing")
    if name in AT_ITS_GOAL:
        expected = ("Current", "Healthy")
    ready = next(each for each in found["status"]["conditions"] if each["type"] == "Ready")
    assert (compute(found), argo(found)) == (expected[0], (expected[1], ready["message"]))


def test_edit_that_the_operator_has_not_seen_is_in_progress() -> None:
    found = resource(Reason.STREAMING, generation=4)
    assert (compute(found), argo(found)[0]) == ("InProgress", "Progressing")


@pytest.mark.parametrize("plural", ["cameras", "detectorclasses"])
def test_new_resource_is_in_progress_until_the_operator_has_seen_it(plural: str) -> None:
    default = schema(plural)["properties"]["status"]["default"]
    found = {"metadata": {"generation": 1}, "status": default}
    assert (compute(found), argo(found)[0]) == ("InProgress", "Progressing")


def test_inactive_camera_is_ready() -> None:
    conditions = {each["type"]: each["status"] for each in resource(Reason.INACTIVE)["status"]["conditions"]}
    none = {"Scheduled": "False", "Streaming": "False", "Stalled": "False", "Reconciling": "False"}
    assert conditions == {"Ready": "True", "Synced": "True", **none}


def test_no_condition_is_ever_removed() -> None:
    """Server-side apply of older servers refuses that."""
    before = resource(Reason.STREAM_FROZEN)["status"]
    after = render_status(verdict(Reason.STREAMING), previous=before, generation=3, now=NOW)
    assert [each["type"] for each in after["conditions"]] == [each["type"] for each in before["conditions"]]
    assert after["phase"] == CameraPhase.STREAMING


def test_tools_read_the_state_of_a_class() -> None:
    assert (compute(detclass(Acceptance())), argo(detclass(Acceptance()))[0]) == ("Current", "Healthy")
    refused = detclass(Acceptance("InvalidSpec", "spec.model: must be given"))
    assert (compute(refused), argo(refused)) == ("Failed", ("Degraded", "spec.model: must be given"))
    assert ConditionStatus.FALSE.value == refused["status"]["conditions"][0]["status"]
    assert camera().not_ready_reason == ""
