"""Write the cameras of `kubectl` resources, whose source of truth is the resource."""

import logging
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q

from surveillance.core.validation import InvalidInputError
from surveillance.models import Camera, CameraResource, Cluster, ManagedBy
from surveillance.services.cameras import camera_write
from vigil_apps.sites.recording_limits import default_mode
from vigil_contracts.names import DeletionPolicy
from vigil_contracts.recording import RecordingSettings
from vigil_contracts.resources import ResourceRegistration
from vigil_contracts.retention import RetentionSettings

logger = logging.getLogger(__name__)

NAME_LENGTH = 100
NO_SUCH_OWNER = "must be the name of an active user; the operator's setting VIGIL_CAMERA_OWNER gives it"


@dataclass(frozen=True, slots=True)
class Registered:
    """The resource's row, and whether this call created it."""

    camera: Camera
    is_new: bool


def resource_register(*, uid: str, registration: ResourceRegistration, user: User) -> Registered:
    """Create or update the camera of the resource; repeating it changes nothing.

    `user`: the owner if the registration names none. Raises InvalidInputError that names the field.
    """
    owner = _owner(registration.owner, user)
    try:
        return _register(uid, registration, owner)
    except IntegrityError:  # a concurrent call has created the row
        return _register(uid, registration, owner)


def resource_unregister(*, uid: str, now: datetime, policy: DeletionPolicy | None = None) -> bool:
    """Release the resource's camera, or delete it with its alerts; return False if there is none.

    `policy`: without one, the registered policy applies; a camera with a legal hold is always released. A released
    camera stays, inactive, as a camera of the API that its owner can change or delete. A later resource of the same
    name takes it up again.
    """
    with transaction.atomic():
        of_resource = CameraResource.objects.filter(uid=uid, camera__managed_by=ManagedBy.KUBECTL)
        known = of_resource.select_for_update(of=("self",)).select_related("camera").first()
        if known is None:
            return False
        if (policy or known.deletion_policy) != DeletionPolicy.DELETE:
            _release(known, now)
        elif known.camera.legal_holds.exists():
            logger.warning(
                "a Camera resource was deleted, but its camera has a legal hold; keeping the camera, inactive",
                extra={"camera": known.camera_id},
            )
            _release(known, now)
        else:
            known.camera.delete()
    return True


def _release(known: CameraResource, now: datetime) -> None:
    camera = known.camera
    camera.is_active, camera.managed_by = False, ManagedBy.BACKEND
    camera.save(update_fields=["is_active", "managed_by", "updated_at"])
    known.deleted_at = now
    known.save(update_fields=["deleted_at"])


@transaction.atomic
def _register(uid: str, registration: ResourceRegistration, owner: User) -> Registered:
    known = _known(uid, registration)
    camera = known.camera if known is not None else Camera(managed_by=ManagedBy.KUBECTL)
    is_taken_over = known is not None and (camera.user_id, camera.managed_by) != (owner.pk, ManagedBy.KUBECTL)
    camera.user, camera.managed_by = owner, ManagedBy.KUBECTL
    values = _values(camera, registration) | _retention(known, registration)
    change = camera_write(camera, values, owner)
    if is_taken_over:
        camera.save()
    CameraResource.objects.update_or_create(
        camera=change.camera,
        defaults={
            "uid": uid,
            "source": registration.source,
            "name": registration.resource,
            "digest": registration.digest,
            "deletion_policy": registration.deletion_policy.value,
            "has_retention": registration.retention is not None,
            "policy_sources": registration.policy_sources,
            "deleted_at": None,
        },
    )
    return Registered(change.camera, is_new=known is None)


def _known(uid: str, registration: ResourceRegistration) -> CameraResource | None:
    """Return the resource, else the newest former one of its name whose camera waits for it.

    A name belongs to one resource at a time: one with another uid is gone, although the API was not told if it was
    unreachable then.
    """
    resources = CameraResource.objects.select_for_update(of=("self",)).select_related("camera")
    known = resources.filter(uid=uid).first()
    if known is not None:
        return known
    is_released = Q(camera__managed_by=ManagedBy.BACKEND, camera__is_active=False, deleted_at__isnull=False)
    is_left = Q(camera__managed_by=ManagedBy.KUBECTL, deletion_policy=DeletionPolicy.RETAIN.value)
    former = resources.filter(is_released | is_left, source=registration.source, name=registration.resource)
    return former.order_by("-camera_id").first()


def _values(camera: Camera, registration: ResourceRegistration) -> dict[str, object]:
    return {
        "name": _free_name(camera, registration),
        "rtsp_url": registration.rtsp_url.get_secret_value(),
        "is_active": registration.is_active,
        "transport": registration.transport.value,
        "detection": registration.detection.model_dump(mode="json"),
        "recording": (registration.recording or RecordingSettings(mode=default_mode(camera.site))).model_dump(
            mode="json"
        ),
        "detector_class_name": registration.detector_class_name,
        "cluster_id": _cluster_id(registration.source),
    }


def _retention(known: CameraResource | None, registration: ResourceRegistration) -> dict[str, object]:
    """Return the retention to write: nothing while the resource has never set one.

    An administrator may have set it in the API. To reset it to the server's default would delete alerts.
    """
    if registration.retention is None and not (known is not None and known.has_retention):
        return {}
    retention = registration.retention or RetentionSettings()
    return {"retention_days": retention.days, "retention_megabytes": retention.megabytes}


def _cluster_id(source: str) -> int | None:
    """Return the cluster that registers: a source begins with its name, or is its identity if it has none."""
    of_source = Q(identity=source, name="") | Q(name=source.partition("/")[0])
    return Cluster.objects.filter(of_source).values_list("pk", flat=True).first()


def _free_name(camera: Camera, registration: ResourceRegistration) -> str:
    """Return the name, with the resource's name appended if the owner has another camera of that name."""
    taken = Camera.objects.filter(user=camera.user, name=registration.name).exclude(pk=camera.pk)
    if not taken.exists():
        return registration.name
    suffix = f" ({registration.resource})"[:NAME_LENGTH]
    return registration.name[: NAME_LENGTH - len(suffix)] + suffix


def _owner(name: str, user: User) -> User:
    if not name:
        return user
    owner = User.objects.filter(username=name, is_active=True).first()
    if owner is None:
        raise InvalidInputError({"owner": [NO_SUCH_OWNER]})
    return owner
