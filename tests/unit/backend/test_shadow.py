"""The comparison with a model in shadow is summed up over restarts of the detector, for each trial."""

from typing import Any

import pytest
from tests.unit.backend.conftest import Party

from surveillance.core.shadow import stored_shadow, total_shadow
from surveillance.models import Camera, CameraHealth
from vigil_contracts.shadow import CONFIDENCE_BINS, ModelUse, ShadowCounts, ShadowReport, ShadowState

BEAT = {"phase": "Streaming", "reason": "Streaming"}
BINS = (0,) * (CONFIDENCE_BINS - 2) + (3, 1)
USE = ModelUse(frames=10, inferences=4, inference_seconds=0.5, confidences=BINS)
COUNTS = ShadowCounts(agreed=3, missed=1, new=2, skipped_frames=5, live=USE, shadow=USE)


def report(run: str, trial: str = "t", **counts: Any) -> ShadowReport:
    chosen = COUNTS.model_copy(update=counts)
    return ShadowReport(trial=trial, run=run, model="next", state=ShadowState.RUNNING, counts=chosen)


def agreed(stored: object) -> int:
    total = total_shadow(stored)
    assert total is not None
    return total.counts.agreed


def test_counts_of_one_run_replace_each_other_and_those_of_two_are_added() -> None:
    stored = stored_shadow(None, report("a", agreed=3))
    stored = stored_shadow(stored, report("a", agreed=7))
    assert agreed(stored) == 7
    stored = stored_shadow(stored, report("b", agreed=1))
    assert agreed(stored) == 8
    stored = stored_shadow(stored, report("b", agreed=2))
    stored = stored_shadow(stored, report("c", agreed=0))
    assert agreed(stored) == 9


def test_another_trial_begins_at_zero() -> None:
    stored = stored_shadow(None, report("a", agreed=3))
    assert agreed(stored_shadow(stored, report("b", trial="other", agreed=1))) == 1


@pytest.mark.parametrize("stored", [None, {}, [], "text", {"report": {"counts": {"agreed": -1}}}])
def test_what_cannot_be_read_counts_as_nothing(stored: object) -> None:
    assert total_shadow(stored) is None
    assert agreed(stored_shadow(stored, report("a", agreed=3))) == 3


def test_sums() -> None:
    both = COUNTS + COUNTS
    assert (both.agreed, both.missed, both.new, both.skipped_frames, both.events) == (6, 2, 4, 10, 12)
    assert (both.live.frames, both.live.inference_seconds) == (20, 1.0)
    assert both.shadow.seconds_per_inference == 0.125
    assert both.shadow.seconds_per_frame == 0.05
    assert both.shadow.median_confidence == 0.925
    nothing = ModelUse()
    assert nothing.seconds_per_inference is nothing.seconds_per_frame is nothing.median_confidence is None


def test_heartbeat_is_stored_and_the_api_returns_the_sum(pipeline: Party, anna: Party, camera: Camera) -> None:
    url = f"/api/cameras/{camera.pk}/heartbeat/"
    for run in ("a", "b"):
        beat = BEAT | {"shadow": report(run).model_dump(mode="json")}
        assert pipeline.client.post(url, beat).status_code == 204
    health = anna.client.get(f"/api/cameras/{camera.pk}/").json()["health"]
    assert ShadowReport.model_validate(health["shadow"]) == report("").model_copy(update={"counts": COUNTS + COUNTS})
    assert pipeline.client.post(url, BEAT).status_code == 204
    assert CameraHealth.objects.get().shadow is None
    assert anna.client.get(f"/api/cameras/{camera.pk}/").json()["health"]["shadow"] is None


def test_failure_contains_no_credentials(pipeline: Party, anna: Party, camera: Camera) -> None:
    camera.rtsp_url = "rtsp://admin:hunter2@10.0.0.7/s"
    camera.save()
    shadow = {"failure": "cannot open rtsp://admin:hunter2@10.0.0.7/s", "state": "Failed"}
    pipeline.client.post(f"/api/cameras/{camera.pk}/heartbeat/", BEAT | {"shadow": shadow})
    assert "hunter2" not in str(anna.client.get(f"/api/cameras/{camera.pk}/").json())


@pytest.mark.parametrize(
    ("shadow", "field"),
    [
        ({"trial": "t" * 65}, "shadow.trial"),
        ({"state": "Sleeping"}, "shadow.state"),
        ({"counts": {"agreed": -1}}, "shadow.counts.agreed"),
        ({"counts": {"live": {"confidences": [1]}}}, "shadow.counts.live.confidences"),
        ({"counts": {"shadow": {"inference_seconds": -0.1}}}, "shadow.counts.shadow.inference_seconds"),
    ],
)
def test_wrong_reports_name_the_field(pipeline: Party, camera: Camera, shadow: object, field: str) -> None:
    answer = pipeline.client.post(f"/api/cameras/{camera.pk}/heartbeat/", BEAT | {"shadow": shadow})
    assert answer.status_code == 400
    assert list(answer.json()) == [field]
