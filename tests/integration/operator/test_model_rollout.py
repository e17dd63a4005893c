"""A new model is tried in shadow on some cameras and promoted or aborted: on a real API server, with reports as of
detectors and a clock that the test moves."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.cluster.control_plane import ControlPlane
from tests.cluster.polling import eventually
from tests.integration.operator.running import Document, Operator, View
from tests.integration.operator.test_refusals import detector_class
from tests.integration.services.backend import BackendServer, BackendUser

from vigil_contracts.shadow import CONFIDENCE_BINS, ModelUse, ShadowCounts

pytestmark = pytest.mark.timeout(300)

USE = ModelUse(frames=500, inferences=100, inference_seconds=5.0, confidences=(0,) * (CONFIDENCE_BINS - 1) + (20,))
GOOD = ShadowCounts(agreed=20, live=USE, shadow=USE)
BAD = ShadowCounts(agreed=5, missed=15, live=USE, shadow=USE)
COST = {
    "cpu_cores": {"p50": 0.3, "p95": 1.21},
    "memory_bytes": {"p50": 230 * 1024**2, "p95": 240 * 1024**2},
    "inference_share": {"p50": 0.06, "p95": 0.15},
    "seconds": 3600,
}


class Trial:
    """A class whose new model is tried on half of its four cameras."""

    def __init__(
        self, cluster: ControlPlane, name: str, operator: Operator, view: View, backend: BackendServer, token: str
    ) -> None:
        self.cluster, self.name, self.operator, self.view = cluster, name, operator, view
        self.backend, self.token = backend, token
        self.pipeline_token = backend.token("anna", "pipeline")

    def apply(self, **spec: object) -> None:
        self.cluster.apply(detector_class(self.name, device="cpu", **spec))

    def rollout(self, **changes: object) -> Document:
        return {
            "model": "yolo11n",
            "cameraPercent": 50,
            "durationSeconds": 600,
            "thresholds": {"minEvents": 30},
            **changes,
        }

    def status(self) -> Document:
        found: Document = self.cluster.http.get(f"/apis/vigil.dev/v1alpha1/detectorclasses/{self.name}")
        status: Document = found.get("status", {})
        return status

    def has(self, phase: str, reason: str) -> Document:
        """Return the rollout's status, which must have this phase and reason."""
        found: Document = self.status().get("rollout", {})
        assert (found.get("phase"), found.get("reason")) == (phase, reason), found
        return found

    def described(self, *events: str) -> bool:
        """Return whether `kubectl describe` shows these events of a rollout; it may have been held in between."""
        text = self.cluster.kubectl("describe", "detclass", self.name).rpartition("Events:")[2]
        rows = [line.split() for line in text.splitlines() if " Rollout" in line]
        found = [f"{severity} {reason}" for severity, reason, *_ in rows]
        assert sorted(each for each in found if each in events) == sorted(events), found
        return {each.split()[1] for each in found} <= {"RolloutHeld", *(each.split()[1] for each in events)}

    def succeeded(self) -> list[str]:
        conditions = self.status().get("conditions", [])
        return [each["status"] for each in conditions if each["type"] == "RolloutSucceeded"]

    def variables(self, name: str) -> dict[str, str]:
        """An environment variable of the detectors that have it, by Deployment."""
        found = {}
        for deployment, item in self.view.deployments().items():
            for each in item["spec"]["template"]["spec"]["containers"][0]["env"]:
                if each["name"] == name:
                    found[deployment] = each["value"]
        return found

    def report(self, trial: str, counts: ShadowCounts) -> None:
        """Send a heartbeat of each detector that has the trial."""
        shadow = {"trial": trial, "run": "1", "model": "yolo11n", "state": "Running"}
        beat = {"phase": "Streaming", "reason": "Streaming", "shadow": shadow | {"counts": counts.model_dump()}}
        with self.backend.client(self.pipeline_token) as api:
            for deployment in self.variables("VIGIL_SHADOW_TRIAL"):
                camera_id = deployment.removeprefix("cam-").removesuffix("-detector")
                answer = api.post(f"/api/cameras/{camera_id}/heartbeat/", json=beat)
                assert answer.status_code == 204, answer.text

    def report_costs(self) -> Document:
        """Send a heartbeat of each detector with what its camera costs; return the status of the class."""
        with self.backend.client(self.pipeline_token) as api:
            for deployment in self.view.deployments():
                camera_id = deployment.removeprefix("cam-").removesuffix("-detector")
                beat = {"phase": "Streaming", "reason": "Streaming", "cost": COST}
                assert api.post(f"/api/cameras/{camera_id}/heartbeat/", json=beat).status_code == 204
        return self.status()

    def command(self, action: str, *options: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "vigil_operator", "rollout", action, self.name, *options],
            env=self.operator.variables,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout if done.returncode == 0 else f"{done.returncode}: {done.stderr}"


@pytest.fixture
def clock(tmp_path: Path) -> Path:
    path = tmp_path / "clock"
    path.write_text("0")
    return path


@pytest.fixture
def trial(
    vigil_cluster: ControlPlane,
    namespace: str,
    make_operator: Callable[..., Operator],
    view: View,
    backend: BackendServer,
    user: BackendUser,
    clock: Path,
) -> Iterator[Trial]:
    operator = make_operator(
        module="tests.integration.operator.shifted_operator", VIGIL_TEST_CLOCK=str(clock), VIGIL_RESTARTS_AT_ONCE="4"
    )
    made = Trial(vigil_cluster, f"{namespace}-trial", operator, view, backend, user.token)
    made.apply()
    operator.start()
    with vigil_cluster.add_node(f"{namespace}-node", cpu="64", memory="128Gi"):
        for number in range(4):
            url = f"rtsp://10.0.0.{number + 1}/s"
            backend.add_camera(user.token, name=f"{number}", rtsp_url=url, detector_class_name=made.name)
        eventually(lambda: ready(view) == 4, timeout_seconds=60)
        yield made
    vigil_cluster.kubectl("delete", "detclass", made.name, "--ignore-not-found")


def ready(view: View) -> int:
    return sum(bool(item.get("status", {}).get("readyReplicas")) for item in view.deployments().values())


def test_model_is_tried_held_promoted_and_taken_into_the_spec(trial: Trial, clock: Path) -> None:
    assert "has no spec.rollout" in trial.command("status")
    trial.apply(rollout=trial.rollout())
    begun = eventually(lambda: trial.has("Shadowing", "Comparing"), timeout_seconds=30)
    eventually(lambda: len(trial.variables("VIGIL_SHADOW_TRIAL")) == 2 and ready(trial.view) == 4, timeout_seconds=60)
    chosen = trial.variables("VIGIL_SHADOW_MODEL")
    assert set(chosen.values()) == {"yolo11n"}
    assert set(trial.variables("VIGIL_MODEL").values()) == {"yolov8n"}
    assert trial.succeeded() == ["Unknown"]

    trial.report(begun["trial"], GOOD)
    clock.write_text("60")
    counted = eventually(lambda: counts_of(trial, agreed=40), timeout_seconds=30)
    assert counted["cameras"] == {"chosen": 2, "comparing": 2, "failed": 0}
    shown = trial.command("status")
    assert "40 agree, 0 missed, 0 new" in shown, shown
    clock.write_text("700")
    eventually(lambda: trial.has("Held", "AwaitingApproval"), timeout_seconds=30)
    assert trial.variables("VIGIL_SHADOW_MODEL") == chosen, "it goes on"

    assert "Requested: promote model yolo11n" in trial.command("promote")
    promoted = eventually(lambda: trial.has("Promoted", "PromotedByHand"), timeout_seconds=90)
    assert list(trial.variables("VIGIL_MODEL").values()) == ["yolo11n"] * 4
    assert not trial.variables("VIGIL_SHADOW_MODEL")
    assert eventually(lambda: trial.succeeded() == ["True"], timeout_seconds=20)
    assert promoted["events"]["agreed"] == 40
    phases = ("RolloutShadowing", "RolloutHeld", "RolloutPromoting", "RolloutPromoted")
    eventually(lambda: trial.described(*(f"Normal {phase}" for phase in phases)), timeout_seconds=20)
    assert trial.command("promote").startswith("2: vigil-operator: model yolo11n is promoted already")

    # A new operator does not withdraw it, and moving it into the spec restarts nothing.
    trial.operator.process.kill()
    trial.operator.start()
    generations = {name: item["metadata"]["generation"] for name, item in trial.view.deployments().items()}
    trial.apply(model="yolo11n")
    eventually(lambda: "rollout" not in trial.status(), timeout_seconds=30)
    assert {name: item["metadata"]["generation"] for name, item in trial.view.deployments().items()} == generations
    assert trial.succeeded() == []


def test_worse_model_is_aborted_and_one_by_hand(trial: Trial, clock: Path) -> None:
    trial.apply(rollout=trial.rollout(promotion="Automatic"))
    begun = eventually(lambda: trial.has("Shadowing", "Comparing"), timeout_seconds=30)
    eventually(lambda: len(trial.variables("VIGIL_SHADOW_TRIAL")) == 2, timeout_seconds=60)
    trial.report(begun["trial"], BAD)
    clock.write_text("700")
    aborted = eventually(lambda: trial.has("Aborted", "ThresholdsNotMet"), timeout_seconds=30)
    assert "missedPercent is 75 and maxMissedPercent is 5" in aborted["message"]
    eventually(lambda: not trial.variables("VIGIL_SHADOW_MODEL") and ready(trial.view) == 4, timeout_seconds=60)
    assert set(trial.variables("VIGIL_MODEL").values()) == {"yolov8n"}
    assert trial.succeeded() == ["False"]

    trial.apply(rollout=trial.rollout(model="yolov8s"))
    eventually(lambda: trial.has("Shadowing", "Comparing"), timeout_seconds=30)
    assert "Requested: abort model yolov8s" in trial.command("abort")
    eventually(lambda: trial.has("Aborted", "AbortedByHand"), timeout_seconds=30)
    eventually(lambda: not trial.variables("VIGIL_SHADOW_MODEL"), timeout_seconds=60)
    assert json.loads(trial.command("status", "--output", "json"))["phase"] == "Aborted"
    expected = ["Normal RolloutShadowing"] * 2 + ["Warning RolloutAborted", "Normal RolloutAborted"]
    eventually(lambda: trial.described(*expected), timeout_seconds=20)

    # What the cameras cost beside what their detectors request.
    measured = eventually(lambda: with_costs(trial.report_costs()), timeout_seconds=60)
    per_camera = measured["capacity"]["perCamera"]
    assert 1 <= per_camera.pop("cameras") <= 4, "the operator may read the reports before all are sent"
    assert per_camera == {
        "cpu": {"p50": "300m", "p95": "1300m"},
        "memory": {"p50": "230Mi", "p95": "240Mi"},
        "inferenceShare": {"p50": "60m", "p95": "150m"},
    }
    (verdict,) = [each for each in measured["conditions"] if each["type"] == "RequestsSufficient"]
    assert (verdict["status"], verdict["reason"]) == ("False", "RequestsTooLow")
    assert f"cpu: 1300m needed, {measured['capacity']['requests']['cpu']} requested" in verdict["message"]


def with_costs(status: Document) -> Document:
    return status if "perCamera" in status.get("capacity", {}) else {}


def counts_of(trial: Trial, *, agreed: int) -> Document:
    found: Document = trial.status().get("rollout", {})
    return found if found.get("events", {}).get("agreed") == agreed else {}
