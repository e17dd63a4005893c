"""The version of the list of active cameras, the log of its changes, and what all detectors report."""

import secrets
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

from django.db import transaction
from django.db.models import F

from surveillance.models import Camera, CameraListChange, CameraListVersion
from surveillance.selectors.cameras import are_objects_reported
from surveillance.services.detector_tasks import configurations_changed
from vigil_contracts.camera import MAX_CHANGED_CAMERAS

KEPT_CHANGES = 4096
"""Whoever has not asked for longer gets the whole list."""

_together: ContextVar[list[Collection[int] | None] | None] = ContextVar("camera_list_changes_together", default=None)


@contextmanager
def camera_list_changes_together() -> Iterator[None]:
    """Give the list one next version for all changes within, at their end. Use it within their transaction."""
    changes: list[Collection[int] | None] = []
    token = _together.set(changes)
    try:
        yield
    finally:
        _together.reset(token)
    known = [camera_ids for camera_ids in changes if camera_ids is not None]
    if changes:
        camera_list_change(camera_ids=set().union(*known) if len(known) == len(changes) else None)


@transaction.atomic(savepoint=False)
def camera_list_change(*, camera_ids: Collection[int] | None) -> None:
    """Give the list of active cameras its next version. Call it in the transaction that changes the list.

    `camera_ids`: the cameras that may have changed, appeared or disappeared; None if that can be any.

    The row of the version stays locked until the end of the transaction, so versions are committed in their order:
    a reader of a version also finds the log up to it.
    """
    if (changes := _together.get()) is not None:
        changes.append(camera_ids)
        return
    nonce = secrets.token_hex(8)
    current = CameraListVersion.objects.filter(pk=1)
    if not current.update(number=F("number") + 1, nonce=nonce):
        CameraListVersion.objects.bulk_create([CameraListVersion(pk=1)], ignore_conflicts=True)
        current.update(number=F("number") + 1, nonce=nonce)
    number = current.values_list("number", flat=True).get()
    is_small = camera_ids is not None and len(camera_ids) <= MAX_CHANGED_CAMERAS
    named = sorted(camera_ids) if camera_ids is not None and is_small else None
    CameraListChange.objects.bulk_create(
        [CameraListChange(version=number, nonce=nonce, camera_ids=named)],
        update_conflicts=True,  # a log that is longer than the version, for example restored by hand, blocks nothing
        unique_fields=["version"],
        update_fields=["nonce", "camera_ids"],
    )
    if number % 64 == 0:
        CameraListChange.objects.filter(version__lte=number - KEPT_CHANGES).delete()


def object_reports_set(*, is_on: bool, now: datetime) -> bool:
    """Make all detectors report the objects in view, or stop that; return whether that was a change."""
    if are_objects_reported() == is_on:  # a mere read in most cases
        return False
    with transaction.atomic():
        CameraListVersion.objects.get_or_create(pk=1)
        if not CameraListVersion.objects.filter(pk=1).exclude(reports_objects=is_on).update(reports_objects=is_on):
            return False
        camera_list_change(camera_ids=None)
        configurations_changed(camera_ids=Camera.objects.filter(is_active=True).values_list("pk", flat=True), now=now)
    return True
