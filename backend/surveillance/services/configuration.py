"""Export a user's cameras as one document, and apply such a document: all of it or nothing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from surveillance.core.camera_fields import CAMERA_FIELDS
from surveillance.core.validation import InvalidInputError
from surveillance.models import Camera, ManagedBy
from surveillance.services.camera_list import camera_list_changes_together
from surveillance.services.cameras import (
    NOT_YOUR_SITE,
    ManyWrites,
    ReadOnlyCameraError,
    camera_create,
    camera_update,
)
from surveillance.services.configured_sites import SITE_AMBIGUOUS, AppliedSite, site_apply
from vigil_apps.sites.roles import Role
from vigil_apps.sites.selectors import sites_visible_to
from vigil_apps.web.quotas import lock

MAX_CAMERAS = 1000
NAMED_TWICE = "must be unique; an earlier camera of the document has it too"
OF_KUBECTL = "is the name of a camera that is managed by kubectl; change its resource in the cluster"


PLACING = frozenset({"is_active", "cluster", "detector_class_name"})
"""Fields that decide where the detector of a camera runs."""


class Result(StrEnum):
    """What happened to a camera of the document."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Applied:
    """A camera of the document. `fields`: the changed fields of a camera that existed before."""

    camera: Camera
    result: Result
    fields: tuple[str, ...] = ()

    @property
    def needs_room(self) -> bool:
        """Return whether the change makes the camera's detector look for a place on a node."""
        is_moved = self.result is Result.ADDED or bool(PLACING & set(self.fields))
        return is_moved and self.camera.is_active


SiteIds = dict[tuple[str, int | None], int | None]
"""The ids that were found for a site's name, and the site that the camera had."""


class ApplyRefusedError(Exception):
    """Nothing was stored; the errors of each invalid camera and site are by its index in the document."""

    def __init__(
        self,
        errors: Mapping[int, Mapping[str, list[str]]],
        site_errors: Mapping[int, Mapping[str, list[str]]],
    ) -> None:
        super().__init__(f"{len(errors)} cameras and {len(site_errors)} sites are invalid")
        self.errors = dict(errors)
        self.site_errors = dict(site_errors)


class _NotKeptError(Exception):
    """Rolls back the transaction of a dry run."""


def configured_cameras(*, user: User) -> QuerySet[Camera]:
    """Return the cameras of the user's document: the user's own, without those that a custom resource defines."""
    return (
        Camera.objects.filter(user=user, managed_by=ManagedBy.BACKEND)
        .select_related("site", "cluster")
        .order_by("name", "id")
    )


def configuration_apply(
    *,
    user: User,
    cameras: Sequence[Mapping[str, Any]],
    sites: Sequence[Mapping[str, Any]] = (),
    is_dry_run: bool = False,
) -> tuple[list[Applied], list[AppliedSite]]:
    """Create missing sites, and create or change the user's cameras by their names. Others stay as they are.

    With `is_dry_run`, only report the result. Raises ApplyRefusedError with all problems, not only the first.
    """
    applied: list[Applied] = []
    applied_sites: list[AppliedSite] = []
    errors: dict[int, Mapping[str, list[str]]] = {}
    site_errors: dict[int, Mapping[str, list[str]]] = {}
    seen: set[str] = set()
    seen_sites: set[str] = set()
    try:
        with transaction.atomic(), camera_list_changes_together():
            lock(user)  # two documents that add the same camera are applied one after the other
            for index, values in enumerate(sites):
                try:
                    applied_sites.append(site_apply(user=user, values=values, seen=seen_sites))
                except InvalidInputError as error:
                    site_errors[index] = error.errors
            named = {values["name"] for values in cameras}
            known = _cameras_by_name(user, named)
            many = ManyWrites(free_names=named - known.keys())
            site_ids: SiteIds = {}
            for index, values in enumerate(cameras):
                try:
                    applied.append(_apply(user, values, seen, known, many, site_ids))
                except InvalidInputError as error:
                    errors[index] = error.errors
            if errors or site_errors:
                raise ApplyRefusedError(errors, site_errors)
            if is_dry_run:
                raise _NotKeptError
    except _NotKeptError:
        pass
    return applied, applied_sites


def _cameras_by_name(user: User, names: Collection[str]) -> dict[str, Camera]:
    """Return the user's cameras with these names; of several with the same name, the oldest."""
    found = Camera.objects.filter(user=user, name__in=names).select_related("site").order_by("-id")
    cameras = {camera.name: camera for camera in found}
    for camera in cameras.values():
        camera.user = user
    return cameras


def _apply(
    user: User,
    values: Mapping[str, Any],
    seen: set[str],
    known: Mapping[str, Camera],
    many: ManyWrites,
    site_ids: SiteIds,
) -> Applied:
    name = values["name"]
    if name in seen:
        raise InvalidInputError({"name": [NAMED_TWICE]})
    seen.add(name)
    camera = known.get(name)
    written = {field: value for field, value in values.items() if field != "site"}
    if "site" in values:
        key = (values["site"] or "", camera.site_id if camera is not None else None)
        if key not in site_ids:
            site_ids[key] = _site_id(user, values["site"], camera)
        written["site_id"] = site_ids[key]
    if camera is None:
        return Applied(camera_create(user=user, values=written, many=many), Result.ADDED)
    try:
        change = camera_update(camera=camera, values=written, user=user, many=many)
    except ReadOnlyCameraError:
        raise InvalidInputError({"name": [OF_KUBECTL]}) from None
    fields = tuple(field for field in CAMERA_FIELDS if {field, f"{field}_id"} & set(change.fields))
    return Applied(camera, Result.CHANGED if change.is_changed else Result.UNCHANGED, fields)


def _site_id(user: User, name: str | None, camera: Camera | None) -> int | None:
    """Return the id of the site: ids differ between backends, names do not."""
    if not name:
        return None
    if camera is not None and camera.site is not None and camera.site.name == name:
        return camera.site.pk
    found = list(sites_visible_to(user=user, role=Role.ADMIN).filter(name=name)[:2])
    if len(found) != 1:
        raise InvalidInputError({"site": [SITE_AMBIGUOUS if found else NOT_YOUR_SITE]})
    return found[0].pk
