"""Read Camera resources: the registered ones of `kubectl`, and the state of each camera's resource."""

from datetime import datetime

from surveillance.models import Camera, CameraResource, CameraResourceState, ManagedBy
from vigil_contracts.names import CameraPhase
from vigil_contracts.resources import RegisteredResource, ReportedResource


def registered_resources(*, source: str) -> list[RegisteredResource]:
    """Return the registered resources of one cluster and namespace, without deleted ones."""
    found = CameraResource.objects.filter(source=source, deleted_at=None).order_by("camera_id")
    return [
        RegisteredResource(uid=uid, id=camera_id, digest=digest)
        for uid, camera_id, digest in found.values_list("uid", "camera_id", "digest")
    ]


def reported_resource(*, camera: Camera) -> ReportedResource | None:
    """Return the state of the camera's resource; None if no operator has reported one. Load `camera` with
    `select_related("resource_state")`.

    A camera of the API has a resource only while it is active; older reports are ignored then.
    """
    if not camera.is_active and camera.managed_by == ManagedBy.BACKEND:
        return None
    try:
        state = camera.resource_state
    except CameraResourceState.DoesNotExist:
        return None
    is_asleep = state.phase == CameraPhase.ASLEEP.value
    return ReportedResource(
        camera=camera.pk,
        resource=state.name,
        **{name: getattr(state, name) for name in ("source", "phase", "conditions", "node", "detector_class")},
        reported_at=state.reported_at,
        wake_time=camera.asleep_until if is_asleep else None,
        arm_time=camera.warm_until if is_asleep else None,
    )


def resource_deleted_at(camera: Camera) -> datetime | None:
    """Return when the camera's resource was deleted; None if it exists or never did.

    Load `camera` with `select_related("resource")`.
    """
    resource: CameraResource | None = getattr(camera, "resource", None)
    return resource.deleted_at if resource is not None and camera.managed_by == ManagedBy.BACKEND else None


def policy_sources_of(camera: Camera) -> dict[str, str]:
    """Return the CameraPolicy of each field whose value comes from one, such as `recording.mode`.

    Load `camera` with `select_related("resource")`. A camera whose resource was deleted keeps the values as its own.
    """
    resource: CameraResource | None = getattr(camera, "resource", None)
    if resource is None or camera.managed_by == ManagedBy.BACKEND:
        return {}
    return dict(resource.policy_sources or {})
