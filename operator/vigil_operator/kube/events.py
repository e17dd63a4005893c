"""Kubernetes Events about cameras and policies: only on transitions; a failure to write one has no other effect."""

import logging
import re
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

from vigil_operator.clock import Clock, utc_now
from vigil_operator.core.conditions import rfc3339
from vigil_operator.core.names import API_VERSION, FIELD_MANAGER
from vigil_operator.core.observed import Camera, CameraPolicy
from vigil_operator.kube.client import KubeClient, KubeError
from vigil_operator.kube.kinds import EVENT

logger = logging.getLogger(__name__)

QUIET_PERIOD = timedelta(minutes=10)
"""The same event about the same camera is not repeated within this time."""

MAX_REMEMBERED = 4096
NUMBER = re.compile(r"\d+")


class EventRecorder:
    """Writes events of core/v1, which every supported Kubernetes version and `kubectl describe` know."""

    def __init__(
        self, kube: KubeClient, *, clock: Clock = utc_now, unique: Callable[[], str] = lambda: uuid4().hex[:16]
    ) -> None:
        self._kube = kube
        self._clock = clock
        self._unique = unique
        self._recorded: OrderedDict[tuple[str, str, str], datetime] = OrderedDict()

    async def record_warning(self, subject: Camera | CameraPolicy, reason: str, message: str) -> None:
        """Record something that may require action."""
        await self._record(subject, "Warning", reason, message)

    async def record_normal(self, subject: Camera | CameraPolicy, reason: str, message: str) -> None:
        """Record something that requires no action."""
        await self._record(subject, "Normal", reason, message)

    async def _record(self, subject: Camera | CameraPolicy, severity: str, reason: str, message: str) -> None:
        now = self._clock()
        # Messages that differ only in numbers (times, counts, ports) count as the same event.
        if not self._is_new((subject.meta.uid, reason, NUMBER.sub("#", message)), now):
            return
        try:
            await self._kube.create(EVENT, self._event(subject, severity, reason, message, now))
        except KubeError as error:
            logger.info("could not record the event %s: %s", reason, error)

    def _event(
        self, subject: Camera | CameraPolicy, severity: str, reason: str, message: str, now: datetime
    ) -> dict[str, object]:
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{subject.key.name}.{self._unique()}", "namespace": subject.key.namespace},
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": "CameraPolicy" if isinstance(subject, CameraPolicy) else "Camera",
                "name": subject.key.name,
                "namespace": subject.key.namespace,
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

    def _is_new(self, what: tuple[str, str, str], now: datetime) -> bool:
        last = self._recorded.get(what)
        if last is not None and now - last < QUIET_PERIOD:
            return False
        self._recorded[what] = now
        self._recorded.move_to_end(what)
        while len(self._recorded) > MAX_REMEMBERED:
            self._recorded.popitem(last=False)
        return True
