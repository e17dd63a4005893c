"""Read what the pods of the whole cluster request on its nodes, for `status.capacity` of the classes.

The operator needs further rights for this (list nodes, DeviceClasses, and pods in the whole cluster), so a setting
enables it.
"""

import asyncio
import logging

from vigil_operator.core.capacity import Node, NodeUse, node_from_body, node_use, offered_resource, pod_use
from vigil_operator.kube.client import KubeClient, KubeError
from vigil_operator.kube.kinds import DEVICE_CLASS, NODE, POD

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 30.0

UNFINISHED = "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed"

AT_ONCE = 100
"""Pods that are parsed before other tasks have their turn."""


class NodeReader:
    """For one event loop."""

    def __init__(self, kube: KubeClient) -> None:
        self._kube = kube
        self.use: NodeUse | None = None
        """None until the first answer, and after a failure."""
        self._complaint = ""

    async def run(self) -> None:
        """Read forever."""
        while True:
            await self.read()
            await asyncio.sleep(INTERVAL_SECONDS)

    async def read(self) -> None:
        """Read once. A failure is logged."""
        try:
            self.use = await self._read()
        except KubeError as error:
            self.use = None
            if self._complaint != str(error):
                logger.warning("could not read the room on the nodes: %s; retrying", error)
                self._complaint = str(error)
        else:
            self._complaint = ""

    async def _read(self) -> NodeUse:
        nodes: list[Node] = [node_from_body(found.body()) for found in (await self._kube.list_all(NODE)).items]
        pods = []
        for number, found in enumerate((await self._kube.list_all(POD, fields=UNFINISHED)).items):
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
            if (use := pod_use(found.body())) is not None:
                pods.append(use)
        return node_use(nodes, pods, await self._by_device_class())

    async def _by_device_class(self) -> set[str]:
        try:
            found = await self._kube.list_all(DEVICE_CLASS)
        except KubeError as error:
            # Before Kubernetes 1.34 there are none of this version, and older charts grant no right to list them.
            if error.status in {403, 404}:
                return set()
            raise
        return {name for each in found.items if (name := offered_resource(each.body()))}
