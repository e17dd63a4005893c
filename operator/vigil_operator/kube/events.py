"""Kubernetes Events about cameras, policies and detector classes.

Only on transitions. A failure to write one has no other effect.
"""

import logging
import re
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

from vigil_operator.clock import Clock, utc_now
from vigil_operator.core.conditions import rfc3339
from vigil_operator.core.names import API_VERSION, FIELD_MANAGER
from vigil_operator.core.observed import Camera, CameraPolicy, DetectorClass
from vigil_operator.kube.client import KubeClient, KubeError
from vigil_operator.kube.kinds import CAMERA, CAMERA_POLICY, DETECTOR_CLASS, EVENT

logger = logging.getLogger(__name__)

QUIET_PERIOD = timedelta(minutes=10)
"""The same event about the same camera is not repeated within this time."""

MAX_REMEMBERED = 4096
NUMBER = re.compile(r"\d+")

Subject = Camera | CameraPolicy | DetectorClass
_KINDS = {Camera: CAMERA, CameraPolicy: CAMERA_POLICY, DetectorClass: DETECTOR_CLASS}

NAMESPACE_OF_CLUSTER_SCOPED = "default"
"""The API server accepts an Event about a cluster-scoped object in no other namespace."""


class EventRecorder:
    """Writes events of core/v1, which every supported Kubernetes version and `kubectl describe` know."""

    def __init__(
        self, kube: KubeClient, *, clock: Clock = utc_now, unique: Callable[[], str] = lambda: uuid4().hex[:16]
    ) -> None:
        self._kube = kube
        self._clock = clock
        self._unique = unique
        self._recorded: OrderedDict[tuple[str, ...], datetime] = OrderedDict()

    async def record_warning(self, subject: Subject, reason: str, message: str, *, occasion: str = "") -> None:
        """Record something that may require action. The same event on another `occasion` is another event."""
        await self._record(subject, "Warning", reason, message, occasion)

    async def record_normal(self, subject: Subject, reason: str, message: str, *, occasion: str = "") -> None:
        """Record something that requires no action. `occasion`: see `record_warning`."""
        await self._record(subject, "Normal", reason, message, occasion)

    async def _record(self, subject: Subject, severity: str, reason: str, message: str, occasion: str) -> None:
        now = self._clock()
        # Messages that differ only in numbers (times, counts, ports) count as the same event.
        if not self._is_new((subject.meta.uid, reason, NUMBER.sub("#", message), occasion), now):
            return
        try:
            await self._kube.create(EVENT, self._event(subject, severity, reason, message, now))
        except KubeError as error:
            logger.info("could not record the event %s: %s", reason, error)

    def _event(self, subject: Subject, severity: str, reason: str, message: str, now: datetime) -> dict[str, object]:
        namespace = subject.key.namespace
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{subject.key.name}.{self._unique()}",
                "namespace": namespace or NAMESPACE_OF_CLUSTER_SCOPED,
            },
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": _KINDS[type(subject)].name,
                "name": subject.key.name,
                **({"namespace": namespace} if namespace else {}),
                "uid": subject.meta.uid,
                "resourceVersion": subject.meta.resource_version,
            },
            "type": severity,
            "reason": reason,
            "message": message[:1024],
            "source": {"component": FIELD_MANAGER},
            "reportingComponent": FIELD_MANAGER,
            "reportingInstance": FIELD_MANAGER,
            "firstTimestamp": rfc3339(now),
            "lastTimestamp": rfc3339(now),
            "count": 1,
        }

    def _is_new(self, what: tuple[str, ...], now: datetime) -> bool:
        last = self._recorded.get(what)
        if last is not None and now - last < QUIET_PERIOD:
            return False
        self._recorded[what] = now
        self._recorded.move_to_end(what)
        while len(self._recorded) > MAX_REMEMBERED:
            self._recorded.popitem(last=False)
        return True
