"""The trial of a new model: which cameras take part, and when it is held, promoted or aborted."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.unit.operator.builders import camera

from vigil_contracts.detection import Detection
from vigil_contracts.shadow import CONFIDENCE_BINS, ModelUse, ShadowCounts
from vigil_operator.core.model_rollout import (
    COUNT_AGAIN,
    Request,
    RolloutFacts,
    measures,
    next_status,
    problem_since,
    violations,
)
from vigil_operator.core.rollout_state import rollout_state
from vigil_operator.core.shadow_choice import HASHES, camera_hash, hash_limit, shadow_of, with_promoted_model
from vigil_operator.core.specs import InvalidSpecError, parse_class_spec

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
END = START + timedelta(seconds=86_400)
UIDS = tuple(f"uid-{number}" for number in range(40))
USE = ModelUse(frames=1000, inferences=100, inference_seconds=10.0, confidences=(0,) * 15 + (9,) * 5)
GOOD = ShadowCounts(agreed=190, missed=6, new=4, skipped_frames=10, live=USE, shadow=USE)
FACTS = RolloutFacts(camera_uids=UIDS, shadows=4, comparing=4, counts=GOOD, detectors=40, updated=0)
Status = dict[str, Any]


def spec(model: str = "", **rollout: Any):  # type: ignore[no-untyped-def]
    return parse_class_spec({"model": model, "rollout": {"model": "yolo11n"} | rollout})


def begun(**rollout: Any) -> Status:
    status = next_status("uid", spec(**rollout), {}, Request(), replace(FACTS, counts=ShadowCounts()), START)
    assert status is not None
    return status


def after(
    status: Status, facts: RolloutFacts = FACTS, now: datetime = END, action: str = "", **rollout: Any
) -> Status:
    request = Request(action, status["trial"], now.isoformat()) if action else Request()
    decided = next_status("uid", spec(**rollout), status, request, facts, now)
    assert decided is not None
    assert next_status("uid", spec(**rollout), decided, request, facts, now) == decided, "it converges"
    return decided


def outcome(status: Status) -> tuple[str, str]:
    return status["phase"], status["reason"]


def test_trial_begins_with_a_tenth_of_the_cameras_and_no_counts() -> None:
    status = next_status("uid", spec(), {}, Request(), FACTS, START)
    assert status is not None
    assert outcome(status) == ("Shadowing", "Comparing")
    assert (status["model"], status["liveModel"]) == ("yolo11n", "yolov8n")
    assert status["endTime"] == "2026-03-02T12:00:00Z"
    assert status["events"] == {"agreed": 0, "missed": 0, "new": 0}
    assert "measured" not in status
    chosen = [uid for uid in UIDS if camera_hash(status["trial"], uid) <= status["hashLimit"]]
    assert len(chosen) == 4


def test_without_a_rollout_there_is_no_status() -> None:
    assert next_status("uid", parse_class_spec({}), begun(), Request(), FACTS, END) is None


@pytest.mark.parametrize(
    ("uids", "percent", "count"), [(1, 1, 1), (3, 10, 1), (40, 10, 4), (41, 10, 5), (40, 100, 40)]
)
def test_share_of_cameras(uids: int, percent: int, count: int) -> None:
    limit = hash_limit("t", UIDS[:uids] if uids <= 40 else (*UIDS, "another"), percent)
    everyone = UIDS[:uids] if uids <= 40 else (*UIDS, "another")
    assert sum(camera_hash("t", uid) <= limit for uid in everyone) == count


def test_class_without_cameras_takes_later_ones_by_their_hash() -> None:
    assert hash_limit("t", (), 50) == HASHES // 2 - 1
    assert hash_limit("t", (), 100) == HASHES - 1


def test_larger_share_keeps_the_cameras_and_their_counts() -> None:
    status = begun()
    wider = after(status, now=START + timedelta(hours=1), camera_percent=50)
    assert wider["trial"] == status["trial"]
    assert wider["hashLimit"] > status["hashLimit"]
    assert sum(camera_hash(wider["trial"], uid) <= wider["hashLimit"] for uid in UIDS) == 20


def test_counts_are_renewed_now_and_then() -> None:
    status = begun()
    soon = after(status, now=START + timedelta(seconds=5))
    assert soon["events"]["agreed"] == 0
    later = after(soon, now=START + COUNT_AGAIN)
    assert later["events"] == {"agreed": 190, "missed": 6, "new": 4}
    assert later["cameras"] == {"chosen": 4, "comparing": 4, "failed": 0}
    assert later["measured"] == {
        "agreementPercent": 95.0,
        "missedPercent": 3.1,
        "newPercent": 2.1,
        "skippedPercent": 1.0,
        "latencyRatio": 1.0,
        "costRatio": 1.0,
        "liveConfidence": 0.875,
        "shadowConfidence": 0.875,
    }
    assert outcome(later) == ("Shadowing", "Comparing")


def test_good_model_waits_for_a_person_or_is_promoted() -> None:
    held = after(begun())
    assert outcome(held) == ("Held", "AwaitingApproval")
    promoting = after(begun(), promotion="Automatic")
    assert outcome(promoting) == ("Promoting", "ThresholdsMet")
    assert outcome(after(held, promotion="Automatic", now=END + COUNT_AGAIN)) == ("Promoting", "ThresholdsMet")


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"missed": 50}, "missedPercent is 20.8 and maxMissedPercent is 5"),
        ({"new": 30}, "newPercent is 13.6 and maxNewPercent is 10"),
        ({"agreed": 20, "missed": 80}, "agreementPercent is 19.2 and minAgreementPercent is 85"),
        (
            {"shadow": USE.model_copy(update={"inference_seconds": 21.0})},
            "latencyRatio is 2.1 and maxLatencyRatio is 2",
        ),
        (
            {"shadow": USE.model_copy(update={"inferences": 300, "inference_seconds": 30.0})},
            "costRatio is 3 and maxCostRatio is 2",
        ),
    ],
)
def test_worse_model_is_held_or_aborted_with_the_threshold(counts: dict[str, Any], said: str) -> None:
    facts = replace(FACTS, counts=GOOD.model_copy(update=counts))
    held = after(begun(), facts)
    assert outcome(held) == ("Held", "ThresholdsNotMet")
    assert said in held["message"]
    assert outcome(after(begun(), facts, promotion="Automatic")) == ("Aborted", "ThresholdsNotMet")


def test_thresholds_are_the_users() -> None:
    measured = measures(GOOD)
    strict = spec(thresholds={"maxNewPercent": 2, "maxLatencyRatio": 0.9}).rollout
    assert strict is not None
    assert violations(measured, strict.thresholds) == [
        "newPercent is 2.1 and maxNewPercent is 2",
        "latencyRatio is 1 and maxLatencyRatio is 0.9",
    ]
    assert measures(ShadowCounts()) == {}


@pytest.mark.parametrize("promotion", ["Manual", "Automatic"])
@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (replace(FACTS, counts=GOOD.model_copy(update={"agreed": 80})), "TooFewEvents"),
        (replace(FACTS, shadows=0, comparing=0, counts=ShadowCounts()), "NoCameras"),
        (replace(FACTS, failures=("Camera 7: out of memory",)), "ShadowFailed"),
        (replace(FACTS, counts=GOOD.model_copy(update={"skipped_frames": 300})), "ShadowTooSlow"),
    ],
)
def test_comparison_that_says_little_is_held(facts: RolloutFacts, reason: str, promotion: str) -> None:
    assert outcome(after(begun(), facts, promotion=promotion)) == ("Held", reason)


def test_model_that_fails_everywhere_is_aborted_at_once() -> None:
    failures = tuple(f"Camera {number}: no such file" for number in range(4))
    status = after(begun(), replace(FACTS, failures=failures), START + timedelta(minutes=1))
    assert outcome(status) == ("Aborted", "ShadowFailed")
    assert "Camera 0: no such file" in status["message"]


def test_model_that_breaks_a_detector_is_aborted_in_each_phase() -> None:
    broken = replace(FACTS, broken="Camera a/b: DetectorCrashing: OOMKilled")
    assert outcome(after(begun(), broken, START + timedelta(minutes=1))) == ("Aborted", "DetectorFailed")
    assert outcome(after(after(begun()), broken)) == ("Aborted", "DetectorFailed")
    promoting = after(begun(), promotion="Automatic")
    assert outcome(after(promoting, broken, promotion="Automatic")) == ("Aborted", "DetectorFailed")


def test_promotion_ends_when_all_detectors_have_the_model() -> None:
    promoting = after(begun(), promotion="Automatic")
    some = replace(FACTS, detectors=40, updated=39)
    assert outcome(after(promoting, some, promotion="Automatic"))[0] == "Promoting"
    promoted = after(promoting, replace(some, updated=40), promotion="Automatic")
    assert outcome(promoted) == ("Promoted", "ThresholdsMet")
    assert "remove spec.rollout" in promoted["message"]
    assert promoted["events"] == promoting["events"], "the result stays"
    assert outcome(after(promoted, replace(FACTS, broken="later"), promotion="Automatic"))[0] == "Promoted"


def test_person_decides_in_any_phase() -> None:
    promoting = after(begun(), action="promote", now=START + timedelta(minutes=1))
    assert outcome(promoting) == ("Promoting", "PromotedByHand")
    aborted = after(promoting, action="abort", now=START + timedelta(minutes=2))
    assert outcome(aborted) == ("Aborted", "AbortedByHand")
    again = after(aborted, action="promote", now=START + timedelta(minutes=3))
    assert outcome(again) == ("Promoting", "PromotedByHand")


def test_request_acts_once_and_on_its_own_trial_only() -> None:
    status = begun()
    request = Request("promote", status["trial"], "t1")
    promoting = next_status("uid", spec(), status, request, FACTS, END)
    assert promoting is not None
    aborted = next_status("uid", spec(), promoting, request, replace(FACTS, broken="x"), END)
    assert aborted is not None
    assert outcome(aborted) == ("Aborted", "DetectorFailed"), "the old request does not promote it again"
    assert next_status("uid", spec(), aborted, request, FACTS, END) == aborted
    other = next_status("uid", spec(), status, Request("abort", "another", "t2"), FACTS, END)
    assert other is not None
    assert other["phase"] == "Held"


@pytest.mark.parametrize("change", [{"model": "yolov8s"}, {"modelSHA256": "ab" * 32}])
def test_another_model_begins_another_trial(change: dict[str, str]) -> None:
    aborted = after(begun(), action="abort")
    status = next_status("uid", spec(**change), aborted, Request(), FACTS, END)
    assert status is not None
    assert outcome(status) == ("Shadowing", "Comparing")
    assert status["trial"] != aborted["trial"]


def test_effective_model() -> None:
    plain, promoted = spec(), rollout_state({"rollout": after(begun(), promotion="Automatic")})
    assert with_promoted_model(plain, promoted).model == "yolo11n"
    assert with_promoted_model(plain, rollout_state({"rollout": after(begun())})).model == ""
    assert with_promoted_model(plain, rollout_state({})).model == ""
    assert with_promoted_model(parse_class_spec({}), promoted).model == "", "without spec.rollout it is withdrawn"
    assert with_promoted_model(spec(model="", modelSHA256="ab" * 32), promoted).model == "", "of another file"


def test_shadow_of_a_camera() -> None:
    state = rollout_state({"rollout": begun(camera_percent=100)})
    found = shadow_of(spec(), state, "uid-1", Detection())
    assert found is not None
    assert (found.model, found.trial) == ("yolo11n", state.trial)
    for detection in (Detection(model="own"), Detection(source="onvif")):
        assert shadow_of(spec(), state, "uid-1", detection) is None
    assert shadow_of(parse_class_spec({}), state, "uid-1", Detection()) is None
    aborted = rollout_state({"rollout": after(begun(camera_percent=100), action="abort", camera_percent=100)})
    assert shadow_of(spec(), aborted, "uid-1", Detection()) is None
    none = replace(state, hash_limit=-1)
    assert shadow_of(spec(), none, "uid-1", Detection()) is None


def test_only_new_problems_of_the_model_count() -> None:
    def with_ready(reason: str, since: str):  # type: ignore[no-untyped-def]
        ready = {"type": "Ready", "status": "False", "reason": reason, "message": "m", "lastTransitionTime": since}
        return camera(status={"phase": "Failed", "conditions": [ready]})

    crashing = with_ready("DetectorCrashing", "2026-03-01T12:00:05Z")
    assert problem_since(crashing, START) == "Camera vigil-cameras/cam-7: DetectorCrashing: m"
    assert problem_since(with_ready("DetectorCrashing", "2026-03-01T11:59:00Z"), START) is None
    assert problem_since(with_ready("StreamUnreachable", "2026-03-01T12:00:05Z"), START) is None
    assert problem_since(camera(status={"phase": "Streaming", "conditions": []}), START) is None


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"rollout": {}}, "spec.rollout.model: field required"),
        ({"rollout": {"model": "yolov8n"}}, "rollout.model must differ from model"),
        ({"model": "a.xml", "rollout": {"model": "a.xml"}}, "once model names the new one, remove rollout"),
        ({"rollout": {"model": "b", "cameraPercent": 0}}, "spec.rollout.cameraPercent"),
        ({"rollout": {"model": "b", "durationSeconds": 59}}, "spec.rollout.durationSeconds"),
        ({"rollout": {"model": "b", "promotion": "Maybe"}}, "spec.rollout.promotion"),
        ({"rollout": {"model": "b", "thresholds": {"maxCostRatio": 0}}}, "spec.rollout.thresholds.maxCostRatio"),
        (
            {"runtime": "ultralytics", "model": "yolov8n", "rollout": {"model": "b.pt"}},
            "rollout.modelSHA256 must be given for a .pt file",
        ),
    ],
)
def test_wrong_rollouts_name_the_field(value: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidSpecError) as refused:
        parse_class_spec(value)
    assert said in str(refused.value)


def test_bins_cover_the_confidences() -> None:
    assert len(USE.confidences) == CONFIDENCE_BINS
