"""Measure how long the detectors of a class need to start: from the creation of a pod until its camera streams.

The class's status keeps the result, so that it survives a restart of the operator.
"""

import math
from collections import defaultdict, deque
from datetime import datetime
from functools import partial

from vigil_contracts.names import CameraPhase, ConditionStatus, Reason
from vigil_contracts.percentiles import percentile
from vigil_operator.core.pods import newest
from vigil_operator.core.situation import Situation
from vigil_operator.core.status import Verdict, ready_of

SAMPLES_KEPT = 20
PERCENTILE = 0.9
MAX_START_SECONDS = 1800
"""A longer start is not one of the class: its camera waited for a GPU, or for a person."""

STEP_SECONDS = 5
"""The published time is a multiple of this, so that the status of a class does not change with every start."""

_ON_THE_WAY = frozenset({Reason.STARTING, Reason.INSUFFICIENT_GPU, Reason.INSUFFICIENT_RESOURCES})
"""A start includes the wait for a node: an autoscaler may have to create it first."""


def start_seconds(situation: Situation, verdict: Verdict) -> float | None:
    """Return how long the detector took to start, if the camera streams for the first time with its pod."""
    pod = newest(situation.children.pods)
    if pod is None or not pod.created or pod.container.restarts or situation.camera.status.get("phase") is None:
        return None
    is_streaming = ready_of(verdict).status is ConditionStatus.TRUE and verdict.phase is CameraPhase.STREAMING
    if not is_streaming or situation.camera.not_ready_reason not in _ON_THE_WAY:
        return None
    seconds = (situation.now - datetime.fromisoformat(pod.created)).total_seconds()
    return seconds if 0 <= seconds <= MAX_START_SECONDS else None


class StartTimes:
    """The last start times of each class. For one event loop."""

    def __init__(self) -> None:
        self._samples: defaultdict[str, deque[float]] = defaultdict(partial(deque, maxlen=SAMPLES_KEPT))
        self._earlier: dict[str, int] = {}
        """What an earlier process or another operator has published."""
        self._published: dict[str, int] = {}
        self._unpublished: set[str] = set()
        """Classes with a start since the last publication."""

    def record(self, class_name: str, seconds: float) -> None:
        """Add a start."""
        self._samples[class_name].append(seconds)
        self._unpublished.add(class_name)

    def published_seconds(self, class_name: str, in_status: object) -> int | None:
        """Return the 90th percentile in whole steps; None without any start.

        `in_status`: what the class's status says. It counts in the place of starts that this process has not seen,
        and stays until the next start: several operators of one cluster would otherwise replace each other's value.
        """
        known = in_status if isinstance(in_status, int) else None
        if known is not None and known != self._published.get(class_name):
            self._earlier[class_name] = known
        if class_name not in self._unpublished:
            return known if known is not None else self._published.get(class_name)
        earlier = self._earlier.get(class_name)
        samples = list(self._samples[class_name])
        if earlier is not None:
            samples += [float(earlier)] * (SAMPLES_KEPT - len(samples))
        published = math.ceil(percentile(samples, PERCENTILE) / STEP_SECONDS) * STEP_SECONDS
        if published == known:
            self._unpublished.discard(class_name)
        self._published[class_name] = published
        return published
