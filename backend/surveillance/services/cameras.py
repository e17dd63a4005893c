"""Write cameras."""

from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from surveillance.core.camera_fields import WRITABLE
from surveillance.core.clusters import unknown_cluster_problem
from surveillance.core.validation import InvalidInputError, as_json_object, parse, stream_url
from surveillance.models import Camera, Cluster, ManagedBy
from surveillance.selectors.access import reach
from surveillance.selectors.cameras import recording_of
from surveillance.selectors.clusters import known_cluster_names
from surveillance.services.camera_quotas import CountedUsage, check_camera_quotas
from surveillance.services.holds import HeldError, camera_held
from vigil_apps.sites.models import Site
from vigil_apps.sites.recording_limits import ceiling_problems, default_mode
from vigil_apps.sites.roles import Role
from vigil_apps.sites.selectors import sites_visible_to
from vigil_apps.web.quotas import lock
from vigil_contracts.detection import Detection
from vigil_contracts.recording import RecordingSettings

NOT_YOUR_SITE = "must be a site of which you are an admin, or null"
NAME_TAKEN = "You have a camera with this name already."
NAME_TAKEN_BY_OWNER = "The owner of this camera has another one with this name in the site."


class ReadOnlyCameraError(Exception):
    """The camera is managed by its resource in Kubernetes."""


@dataclass(frozen=True, slots=True)
class Change:
    """A camera after a write, and whether it has changed."""

    camera: Camera
    is_changed: bool
    fields: tuple[str, ...] = ()
    """The changed attributes of a camera that existed before."""


@dataclass(frozen=True, slots=True)
class ManyWrites:
    """What a transaction knows that holds the lock of the user and writes many cameras. Saves queries for each."""

    usage: CountedUsage = field(default_factory=CountedUsage)
    free_names: set[str] = field(default_factory=set)
    """Names that none of the user's cameras has so far."""


def camera_create(
    *,
    user: User,
    values: dict[str, Any],
    managed_by: ManagedBy = ManagedBy.BACKEND,
    many: ManyWrites | None = None,
) -> Camera:
    """Create a camera. Raises InvalidInputError that names the field."""
    if not values.get("rtsp_url"):
        raise InvalidInputError({"rtsp_url": ["is required, as in rtsp://host:554/path"]})
    return camera_write(Camera(user=user, managed_by=managed_by), values, user, many).camera


def camera_update(
    *, camera: Camera, values: dict[str, Any], user: User | None = None, many: ManyWrites | None = None
) -> Change:
    """Change the given fields. `user` requests the change; without a user the site stays.

    Raises InvalidInputError, or ReadOnlyCameraError.
    """
    if camera.managed_by != ManagedBy.BACKEND:
        raise ReadOnlyCameraError
    return camera_write(camera, values, user, many)


def camera_set_active(*, camera: Camera, is_active: bool) -> Change:
    """Activate or deactivate the camera; repeating it changes nothing."""
    return camera_update(camera=camera, values={"is_active": is_active})


def camera_delete(*, camera: Camera) -> None:
    """Delete the camera with its alerts and their images. Raises ReadOnlyCameraError, or HeldError."""
    if camera.managed_by != ManagedBy.BACKEND:
        raise ReadOnlyCameraError
    with transaction.atomic():
        # Lock it first: a token or alert that is inserted during the deletion would block it.
        Camera.objects.select_for_update().filter(pk=camera.pk).values_list("pk").first()
        if holds := camera.legal_holds.count():
            raise HeldError(camera_held(holds))
        camera.delete()


def camera_write(camera: Camera, values: dict[str, Any], user: User | None, many: ManyWrites | None = None) -> Change:
    """Validate and store, regardless of who manages the camera. Raises InvalidInputError that names the field."""
    before = {name: getattr(camera, name) for name in WRITABLE}
    for name, value in _validate(camera, values, user).items():
        setattr(camera, name, value)
    if camera.is_active and (camera.pk is None or not before["is_active"]):
        camera.activated_at = timezone.now()
    try:
        camera.clean_fields(exclude={"rtsp_url"} if camera.is_address_unreadable else None)
    except ValidationError as error:
        raise InvalidInputError(error.message_dict) from None
    changed = [name for name in WRITABLE if getattr(camera, name) != before[name]]
    is_new = camera.pk is None
    if is_new or changed:
        _save(camera, changed, before, user, many or ManyWrites())
    return Change(camera, is_new or bool(changed), () if is_new else tuple(changed))


def _validate(camera: Camera, values: dict[str, Any], user: User | None) -> dict[str, Any]:
    checked = {name: value for name, value in values.items() if name in WRITABLE}
    if "rtsp_url" in checked:
        stored = camera.rtsp_url if camera.pk is not None and not camera.is_address_unreadable else None
        checked["rtsp_url"] = stream_url(checked["rtsp_url"], stored=stored, policy=settings.VIGIL_CAMERA_ADDRESSES)
    is_moved = "site_id" in checked and checked["site_id"] != camera.site_id
    new_site = _site(checked["site_id"], user) if is_moved else None
    if "cluster_name" in values:
        checked["cluster_id"] = _cluster_id(values["cluster_name"])
    if "detection" in checked:
        sent = as_json_object(checked["detection"], field="detection")
        checked["detection"] = parse(Detection, sent, prefix="detection").model_dump(mode="json")
    if "recording" in checked or camera.pk is None:
        checked["recording"] = _recording(camera, checked.get("recording", {}), new_site if is_moved else camera.site)
    return checked


def _recording(camera: Camera, values: object, site: Site | None) -> dict[str, Any]:
    """Return the recording settings to store. A new camera without a mode gets the site's or the server's default."""
    sent = as_json_object(values, field="recording")
    if camera.pk is None and "mode" not in sent:
        sent = {**sent, "mode": default_mode(site)}
    recording = parse(RecordingSettings, sent, prefix="recording")
    former = recording_of(camera) if camera.pk is not None else None
    if problems := ceiling_problems(recording, site, former=former):
        raise InvalidInputError(problems)
    return recording.model_dump(mode="json")


def _cluster_id(name: str) -> int | None:
    """Return the id of the known cluster of this name; None for the default cluster.

    An unknown name is refused: nobody would watch the camera, and a typo is more likely than a cluster to come.
    """
    found = Cluster.objects.filter(name=name).first() if name else None
    if found is None and name not in {"", settings.VIGIL_DEFAULT_CLUSTER}:
        raise InvalidInputError({"cluster": [unknown_cluster_problem(known_cluster_names())]})
    return found.pk if found is not None else None


def _site(site_id: int | None, user: User | None) -> Site | None:
    """Return the new site, which the user must administer; to remove a camera from a site needs no right in it."""
    if site_id is None:
        return None
    administered = sites_visible_to(user=user, role=Role.ADMIN) if user is not None else Site.objects.none()
    site = administered.filter(pk=site_id).first()
    if site is None:
        raise InvalidInputError({"site": [NOT_YOUR_SITE]})
    return site


def _save(camera: Camera, changed: list[str], before: dict[str, Any], user: User | None, many: ManyWrites) -> None:
    # Only changed fields: concurrent changes of different fields are all kept, and a camera that is deleted
    # concurrently is not recreated.
    columns = None if camera.pk is None else [*changed, "user_id", "activated_at", "updated_at"]
    with transaction.atomic():
        if (camera.pk is None or "name" in changed) and camera.name not in many.free_names:
            _check_name(camera, user)
        # The cluster limits the cameras made with kubectl (ResourceQuota).
        if camera.managed_by == ManagedBy.BACKEND:
            check_camera_quotas(
                camera,
                former_site_id=before["site_id"],
                former_detection=before["detection"],
                usage=many.usage,
            )
        camera.save(update_fields=columns)
        many.free_names.discard(camera.name)


def _check_name(camera: Camera, user: User | None) -> None:
    """Raise InvalidInputError if the owner has another camera of this name that `user` can view.

    A camera that `user` cannot view does not count: the error would reveal that it exists.
    """
    # Lock, so that two cameras that get the same name concurrently are checked one after the other.
    lock(camera.user)
    taken = Camera.objects.filter(user=camera.user_id, name=camera.name).exclude(pk=camera.pk)
    if user is None or user.pk == camera.user_id or user.is_superuser:
        is_taken, words = taken.exists(), NAME_TAKEN
    else:
        is_taken, words = taken.filter(reach(user_id=user.pk)).exists(), NAME_TAKEN_BY_OWNER
    if is_taken:
        raise InvalidInputError({"name": [words]})
