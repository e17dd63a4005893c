"""CameraPolicies from the resource to the API's rows and the Deployments, with an in-memory API server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.unit.operator.builders import NAMESPACE, camera_spec, configuration
from tests.unit.operator.kstatus import compute
from tests.unit.operator.test_flow import World, running_pod

from vigil_contracts.resources import RegisteredResource, ResourceRegistration
from vigil_operator.core.observed import Key
from vigil_operator.kube.client import KubeClient, KubeError
from vigil_operator.kube.kinds import CAMERA, CAMERA_POLICY, DEPLOYMENT, POD
from vigil_operator.kube.policy_rollouts import PAUSE_SECONDS

PATH = CAMERA_POLICY.path(NAMESPACE, "night")
MOTION: dict[str, Any] = {"recording": {"mode": "motion"}}
SLOW = {"stepPercent": 40, "minReadySeconds": 30, "progressDeadlineSeconds": 600}


class Cluster(World):
    """Five cameras of kubectl in the area `yard`; the API has none of its own."""

    def __init__(self, *, with_policy: bool = False) -> None:
        super().__init__()
        self.api.cameras = []
        if with_policy:
            self.apply_policy(MOTION)
            self.settle(1)
        for number in range(5):
            self.apply_camera(f"c{number}")
        self.settle()

    def apply_camera(self, name: str, labels: dict[str, str] | None = None, **spec: Any) -> None:
        path = CAMERA.path(NAMESPACE, name)
        known = self.server.objects.get(path, {}).get("metadata", {})
        metadata = {"name": name, "namespace": NAMESPACE, **known, "labels": {"area": "yard", **(labels or {})}}
        metadata["labels"] |= {"vigil.dev/managed-by": "kubectl"} if known else {}
        body = {"metadata": metadata, "spec": camera_spec(**spec)}
        status = self.server.objects.get(path, {}).get("status")
        self.server._store(path, body | ({"status": status} if status else {}))

    def apply_policy(self, defaults: dict[str, Any], **spec: Any) -> None:
        known = self.server.objects.get(PATH, {})
        metadata = {"name": "night", "namespace": NAMESPACE, **known.get("metadata", {})}
        whole = {"selector": {"matchLabels": {"area": "yard"}}, "defaults": defaults, "rollout": SLOW} | spec
        self.server._store(PATH, {**known, "metadata": metadata, "spec": whole})

    def wait(self, seconds: float, rounds: int = 3) -> None:
        self.now += seconds
        self.settle(rounds)

    def rows(self) -> dict[str, ResourceRegistration]:
        return {row.resource: row for _, row in sorted(self.api.rows.values())}

    def modes(self) -> dict[str, str]:
        rows = self.rows().items()
        return {name: row.recording.mode.value if row.recording else "off" for name, row in rows}

    def in_motion(self) -> list[str]:
        return sorted(name for name, mode in self.modes().items() if mode == "motion")

    def policy(self, kind: str = "Ready") -> tuple[str, str, str]:
        conditions = self.server.objects[PATH]["status"]["conditions"]
        found = next(item for item in conditions if item["type"] == kind)
        return found["status"], found["reason"], found["message"]

    def kstatus(self) -> str:
        return compute(self.server.objects[PATH])

    def counts(self) -> tuple[int, int]:
        status = self.server.objects[PATH]["status"]
        return status["cameras"], status["updatedCameras"]

    def camera_status(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.server.objects[CAMERA.path(NAMESPACE, name)]["status"]
        return found

    def run_detectors(self, *, crashing: str = "") -> None:
        """Report the detectors' pods as running, except one."""
        waiting = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "restartCount": 5}
        for name in ALL:
            body = running_pod()
            body["metadata"] |= {"name": name, "uid": name, "labels": {"vigil.dev/camera": name}}
            if name == crashing:
                body["status"]["conditions"][1]["status"] = "False"
                body["status"]["containerStatuses"] = [waiting]
            self.server._store(POD.path(NAMESPACE, name), body)
        self.settle()


ALL = [f"c{number}" for number in range(5)]


def test_new_cameras_have_the_policy_from_the_start() -> None:
    cluster = Cluster(with_policy=True)
    assert cluster.in_motion() == ALL
    assert cluster.camera_status("c0")["policies"] == [
        {"name": "night", "generation": 1, "fields": ["recording.mode"]}
    ]
    assert cluster.policy() == ("True", "Applied", "All selected cameras have the values of this version.")
    assert cluster.counts() == (5, 5)
    assert cluster.quiet() == []


def test_own_value_and_other_labels_win() -> None:
    cluster = Cluster(with_policy=True)
    cluster.apply_camera("own", recording={"mode": "continuous"})
    cluster.apply_camera("elsewhere", {"area": "hall"})
    cluster.settle()
    assert (cluster.modes()["own"], cluster.modes()["elsewhere"]) == ("continuous", "off")
    assert cluster.camera_status("own")["policies"] == [{"name": "night", "generation": 1, "fields": []}]
    assert "policies" not in cluster.camera_status("elsewhere")


def test_class_of_a_policy_runs_the_detector() -> None:
    cluster = Cluster()
    path = "/apis/vigil.dev/v1alpha1/detectorclasses/cpu"
    cluster.server._store(path, {"metadata": {"name": "cpu"}, "spec": {"runtime": "openvino"}})
    cluster.apply_policy({"detectorClassName": "cpu"}, rollout={"stepPercent": 100, "minReadySeconds": 0})
    cluster.settle(4)
    template = cluster.server.objects[DEPLOYMENT.path(NAMESPACE, "c0-detector")]["spec"]["template"]
    assert template["metadata"]["labels"]["vigil.dev/detector-class"] == "cpu"
    assert cluster.rows()["c0"].detector_class_name == "cpu"


def test_change_reaches_the_cameras_in_steps_and_survives_a_restart() -> None:
    cluster = Cluster()
    cluster.run_detectors()
    cluster.now += 60
    cluster.apply_policy(MOTION)
    cluster.wait(0)
    assert cluster.in_motion() == ["c0", "c1"]
    text = "2 of 5 cameras have the values of this version."
    assert (cluster.policy(), cluster.counts()) == (("False", "RollingOut", text), (5, 2))
    assert cluster.kstatus() == "InProgress"
    cluster.wait(29)
    assert cluster.in_motion() == ["c0", "c1"]
    cluster.restart()
    cluster.wait(0)
    assert cluster.in_motion() == ["c0", "c1"], "a restart neither takes a version back nor takes a step"
    cluster.wait(1)
    assert cluster.in_motion() == ALL[:4]
    cluster.wait(30)
    assert (cluster.in_motion(), cluster.policy()[:2]) == (ALL, ("True", "Applied"))
    assert cluster.kstatus() == "Current"
    assert cluster.quiet() == []


def test_edit_of_a_camera_during_a_rollout_keeps_its_version() -> None:
    cluster = Cluster()
    cluster.run_detectors()
    cluster.now += 60
    cluster.apply_policy(MOTION)
    cluster.wait(0)
    cluster.apply_camera("c0", displayName="Gate")
    cluster.apply_camera("c4", displayName="Yard")
    cluster.wait(1)
    assert [cluster.rows()[name].name for name in ("c0", "c4")] == ["Gate", "Yard"]
    assert cluster.in_motion() == ["c0", "c1"]


def test_change_of_the_selector_releases_cameras_in_steps() -> None:
    cluster = Cluster(with_policy=True)
    cluster.run_detectors()
    cluster.now += 60
    cluster.apply_policy(MOTION, selector={"matchLabels": {"area": "hall"}})
    cluster.wait(0)
    assert cluster.in_motion() == ["c2", "c3", "c4"]
    cluster.wait(30)
    cluster.wait(30)
    assert cluster.in_motion() == []
    assert cluster.policy() == ("True", "Applied", "The selector matches no camera in this namespace.")


def test_crashing_detector_stops_the_rollout_until_it_is_ready() -> None:
    cluster = Cluster()
    cluster.run_detectors()
    cluster.now += 60
    cluster.apply_policy(MOTION)
    cluster.wait(0)
    cluster.run_detectors(crashing="c1")
    cluster.wait(100)
    assert cluster.in_motion() == ["c0", "c1"]
    status, reason, message = cluster.policy()
    assert (status, reason) == ("False", "RolloutStopped")
    assert cluster.kstatus() == "Failed"
    assert message.startswith(
        "The rollout has stopped: camera c1 has the new values and is not ready: DetectorCrashing: "
    )
    assert message.endswith(". 3 cameras keep their values.")
    cluster.run_detectors()
    assert cluster.in_motion() == ALL[:4]


@pytest.mark.parametrize("is_restarted", [False, True])
def test_cameras_that_are_not_ready_are_updated_at_once(is_restarted: bool) -> None:
    cluster = Cluster()
    cluster.wait(60)
    cluster.apply_policy(MOTION)
    cluster.wait(1)
    if is_restarted:
        cluster.restart()
    cluster.wait(1)
    assert cluster.in_motion() == ALL
    cluster.apply_policy({"recording": {"mode": "continuous"}})
    if is_restarted:
        cluster.restart()
    cluster.settle()
    assert set(cluster.modes().values()) == {"continuous"}
    assert [entry["generation"] for entry in cluster.server.objects[PATH]["status"]["revisions"]] == [2]


def test_invalid_change_leaves_all_cameras_as_they_are() -> None:
    cluster = Cluster(with_policy=True)
    cluster.apply_policy({"recording": {"mode": "sometimes"}})
    cluster.settle()
    assert cluster.in_motion() == ALL
    status, reason, message = cluster.policy("Accepted")
    assert (status, reason) == ("False", "InvalidSpec")
    assert message.startswith("spec.defaults.recording.mode: input should be 'off'")
    assert cluster.policy("Stalled")[0] == "True"
    cluster.restart()
    cluster.settle()
    assert cluster.in_motion() == ALL
    assert cluster.quiet() == []


def test_missing_class_is_named_before_any_camera_gets_it() -> None:
    cluster = Cluster()
    cluster.apply_policy({"detectorClassName": "huge"})
    cluster.settle()
    text = "spec.defaults.detectorClassName: there is no DetectorClass 'huge'."
    assert cluster.policy("Accepted") == ("False", "DetectorClassNotFound", text)
    assert cluster.rows()["c0"].detector_class_name == ""


def test_rule_of_a_policy_without_its_zone_stops_the_rollout_and_names_the_policy() -> None:
    cluster = Cluster()
    cluster.wait(60)
    rules = [{"name": "gate", "type": "intrusion", "zone": "gate"}]
    cluster.apply_policy({"detection": {"rules": rules}})
    cluster.wait(1)
    message = next(item["message"] for item in cluster.camera_status("c0")["conditions"] if item["type"] == "Ready")
    assert "the zone 'gate' of rule 'gate'" in message
    assert message.endswith("the value comes from CameraPolicy 'night'")
    assert cluster.policy()[1] == "RolloutStopped"
    assert cluster.policy("Stalled")[0] == "True"
    stopped: list[Any] = cluster.events("RolloutStopped")
    assert [event["involvedObject"]["kind"] for event in stopped] == ["CameraPolicy"]
    # A correction reaches the cameras, although they were not ready.
    cluster.now += 60
    cluster.apply_policy({"detection": {"rules": [{"name": "any", "type": "object"}]}})
    cluster.wait(1)
    assert [rule.name for rule in cluster.rows()["c0"].detection.rules] == ["any"]


def test_cameras_fall_back_when_the_policy_is_deleted() -> None:
    cluster = Cluster(with_policy=True)
    del cluster.server.objects[PATH]
    cluster.settle()
    assert cluster.in_motion() == []
    assert "policies" not in cluster.camera_status("c0")


def test_camera_of_the_api_keeps_the_values_of_the_api() -> None:
    cluster = Cluster(with_policy=True)
    cluster.api.cameras = [configuration(7)]
    cluster.settle()
    path = CAMERA.path(NAMESPACE, "cam-7")
    cluster.server.objects[path]["metadata"]["labels"]["area"] = "yard"
    cluster.server._store(path, cluster.server.objects[path])
    cluster.settle()
    assert "policies" not in cluster.server.objects[path]["status"]
    assert cluster.server.objects[PATH]["status"]["ignoredCameras"] == 1
    assert cluster.counts() == (5, 5)


def test_definition_that_is_not_installed_means_no_policies(caplog: pytest.LogCaptureFixture) -> None:
    cluster = Cluster()
    cluster.server.fail = lambda method, path: 404 if path.endswith("/camerapolicies") else None
    cluster.restart()
    cluster.settle()
    assert len(cluster.rows()) == 5
    assert [record.message for record in caplog.records if "CameraPolicy is not installed" in record.message] == [
        "CameraPolicy is not installed, so there are no policies; upgrade the chart vigil-crds, or run kubectl apply "
        "-f manifests/crds/"
    ]


def test_rounds_are_rare_while_nothing_is_rolled_out() -> None:
    cluster = Cluster(with_policy=True)
    before = len(cluster.server.requests)
    rounds: list[float] = []

    async def count() -> None:
        rounds.append(cluster.now)

    cluster.policies.round = count  # type: ignore[method-assign]
    for _ in range(25):
        asyncio.run(cluster.policies.run_if_due())
        cluster.store.camera_changes += 1
        cluster.now += 1
    assert (len(rounds), len(cluster.server.requests)) == (3, before)
    cluster.store.policy_changes += 1
    asyncio.run(cluster.policies.run_if_due())
    assert len(rounds) == 4


def test_write_that_failed_slowly_is_retried_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(with_policy=True)
    cluster.apply_policy({"recording": {"mode": "continuous"}})
    asyncio.run(cluster.resync.first())

    async def time_out(*_: object) -> None:
        cluster.now += 15
        raise KubeError("the API server did not respond")

    with monkeypatch.context() as failing:
        failing.setattr(KubeClient, "apply_status", time_out)
        asyncio.run(cluster.policies.run_if_due())
    assert cluster.server.objects[PATH]["status"]["observedGeneration"] == 1
    cluster.now += PAUSE_SECONDS
    asyncio.run(cluster.policies.run_if_due())
    assert cluster.server.objects[PATH]["status"]["observedGeneration"] == 2


def test_policy_that_is_accepted_during_a_registration_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster()
    cluster.apply_camera("late")
    register = cluster.api.register_resource

    async def slowly(uid: str, registration: ResourceRegistration) -> RegisteredResource:
        monkeypatch.setattr(cluster.api, "register_resource", register)
        cluster.apply_policy(MOTION)
        cluster.store.observe(CAMERA_POLICY, cluster.server.objects[PATH])
        await cluster.policies.round()
        return await register(uid, registration)

    async def main() -> None:
        cluster.store.observe(CAMERA, cluster.server.objects[CAMERA.path(NAMESPACE, "late")])
        cluster.queue.add(Key(NAMESPACE, "late"))
        while len(cluster.queue):
            key = await cluster.queue.get()
            await cluster.reconciler.reconcile(key)
            cluster.queue.done(key)

    monkeypatch.setattr(cluster.api, "register_resource", slowly)
    asyncio.run(asyncio.wait_for(main(), timeout=10))
    assert cluster.modes()["late"] == "motion"
    assert DEPLOYMENT.path(NAMESPACE, "late-detector") in cluster.server.objects
