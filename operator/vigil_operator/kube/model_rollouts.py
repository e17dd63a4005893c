"""Collect what is known about the trial of a class's new model, and decide about it. Sends no request."""

import json
import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol

from vigil_contracts.shadow import ShadowCounts, ShadowReport, ShadowState
from vigil_operator.clock import Clock, utc_now
from vigil_operator.core.classes import default_class_name
from vigil_operator.core.model_rollout import Request, RolloutFacts, next_status, problem_since
from vigil_operator.core.names import LABEL_DETECTOR_CLASS
from vigil_operator.core.observed import Camera, DetectorClass
from vigil_operator.core.rollout_state import RolloutPhase
from vigil_operator.core.specs import InvalidSpecError, parse_class_spec
from vigil_operator.kube.store import Store

logger = logging.getLogger(__name__)


class ShadowKnowledge(Protocol):
    """Knows what detectors report; see `Directory`."""

    def shadow_reports(self, trial: str) -> list[tuple[int, ShadowReport]]:
        """Return what the cameras of a trial report about its model, by the camera's id."""


class ModelRollouts:
    """For one event loop."""

    def __init__(self, store: Store, knowledge: ShadowKnowledge, clock: Clock = utc_now) -> None:
        self._store, self._knowledge, self._clock = store, knowledge, clock

    def status_of(self, found: DetectorClass) -> dict[str, Any] | None:
        """Return the `status.rollout` that the class is to have; None for none.

        An invalid spec changes nothing: its detectors continue as they are.
        """
        status = found.status
        former: Mapping[str, Any] = status.get("rollout") or {}
        try:
            spec = parse_class_spec(found.spec)
        except InvalidSpecError:
            return dict(former) or None
        if spec.rollout is None:
            return None
        facts = self._facts(found, former)
        decided = next_status(found.meta.uid, spec, former, _request(status), facts, self._clock())
        if decided is not None and decided["phase"] != former.get("phase"):
            logger.info(
                "DetectorClass %r: rollout of model %r: %s: %s",
                found.key.name,
                decided["model"],
                decided["phase"],
                decided["message"],
            )
        return decided

    def _facts(self, found: DetectorClass, former: Mapping[str, Any]) -> RolloutFacts:
        cameras = list(self._cameras_of(found))
        uids = tuple(camera.meta.uid for camera in cameras)
        phase, trial = former.get("phase"), former.get("trial", "")
        if phase in {RolloutPhase.SHADOWING, RolloutPhase.HELD}:
            text = _variable_text("VIGIL_SHADOW_TRIAL", trial)
            in_trial = [each for each in self._store.deployments.values() if text in each.content_json]
            names = {(each.key.namespace, each.meta.camera) for each in in_trial}
            chosen = [camera for camera in cameras if (camera.key.namespace, camera.key.name) in names]
            return _shadow_facts(uids, chosen, self._knowledge.shadow_reports(trial), former)
        if phase == RolloutPhase.PROMOTING:
            label = f'"{LABEL_DETECTOR_CLASS}":{json.dumps(found.key.name)}'
            model = _variable_text("VIGIL_MODEL", former["model"])
            detectors = [each for each in self._store.deployments.values() if label in each.content_json]
            return RolloutFacts(
                camera_uids=uids,
                detectors=len(detectors),
                updated=sum(each.is_running and model in each.content_json for each in detectors),
                broken=_broken(cameras, former),
            )
        return RolloutFacts(camera_uids=uids)

    def _cameras_of(self, found: DetectorClass) -> Iterator[Camera]:
        name, default = found.key.name, default_class_name(self._store.class_map())
        for camera in self._store.cameras.values():
            if name == (camera.class_in_use or camera.class_named or default) and not camera.meta.deleting:
                yield camera


def _variable_text(name: str, value: str) -> str:
    """Return how an environment variable appears in a Deployment's `content_json`.

    Deployments are searched as text: to parse ten thousand of them would take a second.
    """
    return f'{{"name":{json.dumps(name)},"value":{json.dumps(value)}}}'


def _shadow_facts(
    uids: tuple[str, ...],
    chosen: list[Camera],
    reports: list[tuple[int, ShadowReport]],
    former: Mapping[str, Any],
) -> RolloutFacts:
    counts = ShadowCounts()
    for _, report in reports:
        counts += report.counts
    failures = tuple(
        f"Camera {camera_id}: {report.failure}" for camera_id, report in reports if report.state is ShadowState.FAILED
    )
    return RolloutFacts(
        camera_uids=uids,
        shadows=len(chosen),
        comparing=len(reports),
        failures=failures,
        counts=counts,
        broken=_broken(chosen, former),
    )


def _broken(cameras: list[Camera], former: Mapping[str, Any]) -> str:
    since = datetime.fromisoformat(former["transitionTime"])
    return next((problem for camera in cameras if (problem := problem_since(camera, since))), "")


def _request(status: Mapping[str, Any]) -> Request:
    found = status.get("rolloutRequest") or {}
    return Request(str(found.get("action", "")), str(found.get("trial", "")), str(found.get("time", "")))
