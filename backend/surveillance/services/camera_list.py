"""The version of the list of active cameras."""

from django.db.models import F

from surveillance.models import CameraListVersion


def camera_list_change() -> None:
    """Change the entity tag of `active-cameras/`. Call it in the transaction that changes the list."""
    if not CameraListVersion.objects.filter(pk=1).update(number=F("number") + 1):
        CameraListVersion.objects.get_or_create(pk=1, defaults={"number": 1})
