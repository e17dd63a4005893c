"""The version of the list of active cameras, and what all detectors report."""

from datetime import datetime

from django.db import transaction
from django.db.models import F

from surveillance.models import Camera, CameraListVersion
from surveillance.selectors.cameras import are_objects_reported
from surveillance.services.detector_tasks import configurations_changed


def camera_list_change() -> None:
    """Change the entity tag of `active-cameras/`. Call it in the transaction that changes the list."""
    if not CameraListVersion.objects.filter(pk=1).update(number=F("number") + 1):
        CameraListVersion.objects.get_or_create(pk=1, defaults={"number": 1})


def object_reports_set(*, is_on: bool, now: datetime) -> bool:
    """Make all detectors report the objects in view, or stop that; return whether that was a change."""
    if are_objects_reported() == is_on:  # a mere read in most cases
        return False
    with transaction.atomic():
        CameraListVersion.objects.get_or_create(pk=1)
        changed = CameraListVersion.objects.filter(pk=1).exclude(reports_objects=is_on)
        if not changed.update(number=F("number") + 1, reports_objects=is_on):
            return False
        configurations_changed(camera_ids=Camera.objects.filter(is_active=True).values_list("pk", flat=True), now=now)
    return True
