"""Reads of the rows that stand for Camera resources of `kubectl`."""

from surveillance.models import CameraResource
from vigil_contracts.camera import RegisteredResource


def registered_resources(*, source: str) -> list[RegisteredResource]:
    """The resources of one cluster and namespace that have a row."""
    found = CameraResource.objects.filter(source=source).order_by("camera_id")
    return [
        RegisteredResource(uid=uid, id=camera_id, digest=digest)
        for uid, camera_id, digest in found.values_list("uid", "camera_id", "digest")
    ]
