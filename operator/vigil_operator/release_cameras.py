"""`vigil-operator release-cameras`: delete the cameras created with kubectl before the operator is removed.

The running operator deletes their rows in the API. Without an operator, the finalizer would block the deletion of the
cameras and their namespace, so it is removed here from cameras that are left after a while.
"""

import asyncio
import time
from collections.abc import Sequence

from vigil_operator.core.names import FINALIZER
from vigil_operator.core.observed import Camera, camera_from_body
from vigil_operator.kube.access import load_configuration
from vigil_operator.kube.client import AioTransport, KubeClient
from vigil_operator.kube.kinds import CAMERA
from vigil_operator.settings import OperatorSettings

PATIENCE_SECONDS = 60.0
"""Longer than the operator waits for the API before it lets a camera go."""

_POLL_SECONDS = 1.0


async def run_release_cameras(settings: OperatorSettings, patience_seconds: float = PATIENCE_SECONDS) -> int:
    """Return the exit status: 0 once no camera has the finalizer. Raises `KubeError`."""
    transport = AioTransport(await load_configuration(settings.kubeconfig))
    kube = KubeClient(transport)
    try:
        cameras = await _cameras_of_kubectl(kube, settings.namespaces)
        for camera in cameras:
            await kube.delete(CAMERA, camera.key, camera.meta.uid)
        deadline = time.monotonic() + patience_seconds
        while cameras and time.monotonic() < deadline:
            await asyncio.sleep(_POLL_SECONDS)
            cameras = [each for each in cameras if await kube.get(CAMERA, each.key) is not None]
        for camera in cameras:
            await kube.release(camera)
            print(f"{camera.key.name}: let go; its row may still be in the API")
    finally:
        await transport.close()
    print("No camera is left that waits for the operator.")
    return 0


async def _cameras_of_kubectl(kube: KubeClient, namespaces: Sequence[str]) -> list[Camera]:
    # By the finalizer and not by the label, which users can change while no operator runs.
    listings = [await kube.list_all(CAMERA, namespace) for namespace in namespaces]
    found = [camera_from_body(item.body()) for listing in listings for item in listing.items]
    return [camera for camera in found if FINALIZER in camera.meta.finalizers]
