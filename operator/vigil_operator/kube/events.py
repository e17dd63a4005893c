"""Kubernetes Events about cameras: few, on transitions only, and never the reason that something else fails."""

import logging
import re
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

from vigil_operator.clock import Clock, utc_now
from vigil_operator.core.conditions import rfc3339
from vigil_operator.core.names import API_VERSION, FIELD_MANAGER
from vigil_operator.core.observed import Camera
from vigil_operator.kube.client import KubeClient, KubeError
from vigil_operator.kube.kinds import EVENT

logger = logging.getLogger(__name__)

QUIET_PERIOD = timedelta(minutes=10)
"""The same thing about the same camera is not said again before this has passed."""

MAX_REMEMBERED = 4096
NUMBER = re.compile(r"\d+")


class EventRecorder:
    """Writes events of core/v1, which every supported version and `kubectl describe` know."""

    def __init__(
        self, kube: KubeClient, *, clock: Clock = utc_now, unique: Callable[[], str] = lambda: uuid4().hex[:16]
    ) -> None:
        self._kube = kube
        self._clock = clock
        self._unique = unique
        self._said: OrderedDict[tuple[str, str, str], datetime] = OrderedDict()

    async def warn(self, camera: Camera, reason: str, message: str) -> None:
        """Something that a person may have to act on."""
        await self._record(camera, "Warning", reason, message)

    async def tell(self, camera: Camera, reason: str, message: str) -> None:
        """Something worth knowing."""
        await self._record(camera, "Normal", reason, message)

    async def _record(self, camera: Camera, severity: str, reason: str, message: str) -> None:
        now = self._clock()
        # A message that differs in its numbers (times, counts, ports) says the same.
        if not self._is_news((camera.meta.uid, reason, NUMBER.sub("#", message)), now):
            return
        try:
            await self._kube.create(EVENT, self._event(camera, severity, reason, message, now))
        except KubeError as error:
            logger.info("event %s not recorded: %s", reason, error)

    def _event(self, camera: Camera, severity: str, reason: str, message: str, now: datetime) -> dict[str, object]:
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{camera.key.name}.{self._unique()}", "namespace": camera.key.namespace},
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": "Camera",
                "name": camera.key.name,
                "namespace": camera.key.namespace,
                "uid": camera.meta.uid,
                "resourceVersion": camera.meta.resource_version,
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

    def _is_news(self, what: tuple[str, str, str], now: datetime) -> bool:
        last = self._said.get(what)
        if last is not None and now - last < QUIET_PERIOD:
            return False
        self._said[what] = now
        self._said.move_to_end(what)
        while len(self._said) > MAX_REMEMBERED:
            self._said.popitem(last=False)
        return True
