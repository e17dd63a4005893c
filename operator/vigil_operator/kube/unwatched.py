"""Report on Camera resources in other namespaces that the operator does not watch them.

Without this, a camera in the wrong namespace has no status, which tools based on kstatus take for success. Cameras
that another operator watches are only remembered, since the status of a DetectorClass counts them too.
"""

import asyncio
import logging
from collections.abc import Sequence

from vigil_operator.clock import Clock, utc_now
from vigil_operator.core.observed import Camera, Key, camera_from_body
from vigil_operator.core.unwatched import NAMESPACE_NOT_WATCHED, is_watched_elsewhere, unwatched_status
from vigil_operator.kube.client import KubeClient, KubeError
from vigil_operator.kube.kinds import CAMERA
from vigil_operator.logs import about_camera

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 30.0

AT_ONCE = 100
"""Cameras that are parsed before other tasks have their turn."""


class UnwatchedCameras:
    """For one event loop."""

    def __init__(
        self,
        *,
        kube: KubeClient,
        namespaces: Sequence[str],
        clock: Clock = utc_now,
    ) -> None:
        self._kube = kube
        # The API server filters, so that the answer is normally empty.
        self._fields = ",".join(f"metadata.namespace!={namespace}" for namespace in namespaces)
        self._clock = clock
        self._complaint = ""
        self.watched_elsewhere: tuple[Camera, ...] = ()
        """The cameras in other namespaces that another operator watches, as of the last listing."""

    async def run(self) -> None:
        """Report forever."""
        while True:
            await self.report_once()
            await asyncio.sleep(INTERVAL_SECONDS)

    async def report_once(self) -> None:
        """Write the status of cameras that have none. A failure is logged once and retried."""
        try:
            listing = await self._kube.list_all(CAMERA, fields=self._fields)
            found = []
            for number, item in enumerate(listing.items):
                if number % AT_ONCE == 0:
                    await asyncio.sleep(0)
                key, body = Key(item.metadata.namespace, item.metadata.name), item.body()
                if is_watched_elsewhere(body):
                    found.append(camera_from_body(body))
                elif status := unwatched_status(body, self._clock()):
                    await self._write(key, item.metadata.uid, status)
            self.watched_elsewhere = tuple(found)
        except KubeError as error:
            if self._complaint != str(error):
                logger.warning("could not report the cameras in namespaces that are not watched: %s; retrying", error)
                self._complaint = str(error)
        else:
            self._complaint = ""

    async def _write(self, key: Key, uid: str, status: dict[str, object]) -> None:
        try:
            await self._kube.apply_status(CAMERA, key, uid, status)
        except KubeError as error:
            if error.status not in {404, 409}:  # the camera was deleted or replaced meanwhile
                raise
            return
        with about_camera(key.name):
            logger.warning("%s: the camera is in namespace %s", NAMESPACE_NOT_WATCHED, key.namespace)
