"""What must happen whichever way a row changes: service, admin, or the deletion of its user."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.utils import timezone

from surveillance import pictures
from surveillance.models import Alert, Camera, CameraListVersion
from surveillance.services.errands import configuration_changed
from surveillance.services.totals import alerts_count
from surveillance.signals import alerts_stored
from vigil_apps.sites.models import Membership, Site


@receiver([post_save, post_delete], sender=Membership, dispatch_uid="camera_list_version_of_members")
@receiver(post_delete, sender=Site, dispatch_uid="camera_list_version_of_sites")
@receiver([post_save, post_delete], sender=Camera, dispatch_uid="camera_list_version")
def bump_camera_list_version(**_: Any) -> None:
    """Changes the entity tag of `active-cameras/` with a camera, or with who sees it, in the same transaction."""
    if not CameraListVersion.objects.filter(pk=1).update(number=F("number") + 1):
        CameraListVersion.objects.get_or_create(pk=1, defaults={"number": 1})


@receiver([post_save, post_delete], sender=Camera, dispatch_uid="camera_configuration_notice")
def tell_detectors(instance: Camera, **_: Any) -> None:
    """Whoever watches the camera learns of the change at once, and not with its next question."""
    configuration_changed(camera_id=instance.pk, now=timezone.now())


@receiver(post_save, sender=Alert, dispatch_uid="alert_stored")
def tell_of_alert(instance: Alert, created: bool, raw: bool = False, **_: Any) -> None:
    """An alert that was made by itself is told of as those are that were stored many at a time."""
    if created:
        alerts_stored.send(sender=Alert, alerts=[instance], raw=raw)


@receiver(alerts_stored, dispatch_uid="camera_alert_totals")
def count_alerts(alerts: Sequence[Alert], **_: Any) -> None:
    """Counts the alerts in the transaction that stores them."""
    alerts_count(alerts=alerts)


@receiver(post_delete, sender=Alert, dispatch_uid="alert_picture")
def delete_picture(instance: Alert, **_: Any) -> None:
    """Removes picture and clip once the row's deletion is certain."""
    keys = [key for key in (instance.image, instance.clip) if key]
    for key in keys:
        transaction.on_commit(partial(pictures.delete, key), robust=True)
