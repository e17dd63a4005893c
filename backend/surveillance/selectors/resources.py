"""Reads of Camera resources: the rows that stand for those of `kubectl`, and how each camera's resource is."""

from surveillance.models import Camera, CameraResource, CameraResourceState, ManagedBy
from vigil_contracts.resources import RegisteredResource, ReportedResource


def registered_resources(*, source: str) -> list[RegisteredResource]:
    """The resources of one cluster and namespace that have a row."""
    found = CameraResource.objects.filter(source=source).order_by("camera_id")
    return [
        RegisteredResource(uid=uid, id=camera_id, digest=digest)
        for uid, camera_id, digest in found.values_list("uid", "camera_id", "digest")
    ]


def reported_resource(*, camera: Camera) -> ReportedResource | None:
    """How the camera's resource is; None where no operator has reported one. `camera` is best loaded with
    `select_related("resource_state")`.

    A camera of the API has a resource while it is active. Whatever was reported before says nothing once it is not.
    """
    if not camera.is_active and camera.managed_by == ManagedBy.BACKEND:
        return None
    try:
        state = camera.resource_state
    except CameraResourceState.DoesNotExist:
        return None
    return ReportedResource(
        camera=camera.pk,
        resource=state.name,
        **{name: getattr(state, name) for name in ("source", "phase", "conditions", "node", "detector_class")},
        reported_at=state.reported_at,
    )
