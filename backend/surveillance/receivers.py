"""Signal receivers that run however a row changes: by a service, the admin, or the deletion of its user."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.utils import timezone

from surveillance import images
from surveillance.models import Alert, Camera, Cluster
from surveillance.services.camera_list import camera_list_change
from surveillance.services.detector_tasks import configuration_changed
from surveillance.services.totals import alerts_count
from surveillance.signals import alerts_stored
from surveillance.wakeups import ALERTS
from vigil_apps.sites.models import Membership, Site


@receiver([post_save, post_delete], sender=Membership, dispatch_uid="camera_list_version_of_members")
@receiver(post_delete, sender=Site, dispatch_uid="camera_list_version_of_sites")
@receiver(post_delete, sender=Cluster, dispatch_uid="camera_list_version_of_clusters")
def bump_camera_list_version(**_: Any) -> None:
    """Change the entity tag of `active-cameras/` in the transaction that changes the visibility of cameras."""
    camera_list_change(camera_ids=None)


@receiver([post_save, post_delete], sender=Camera, dispatch_uid="camera_list_version")
def bump_version_of_camera(instance: Camera, **_: Any) -> None:
    """Change the entity tag of `active-cameras/` in the transaction that changes a camera."""
    camera_list_change(camera_ids=[instance.pk])


@receiver([post_save, post_delete], sender=Camera, dispatch_uid="camera_configuration_notice")
def notify_detectors(instance: Camera, **_: Any) -> None:
    """Notify the camera's detector at once instead of with its next poll."""
    configuration_changed(camera_id=instance.pk, now=timezone.now())


@receiver(post_save, sender=Alert, dispatch_uid="alert_stored")
def send_alert_signal(instance: Alert, created: bool, raw: bool = False, **_: Any) -> None:
    """Send the bulk signal also for an alert that was stored individually."""
    if created:
        alerts_stored.send(sender=Alert, alerts=[instance], raw=raw)


@receiver(alerts_stored, dispatch_uid="camera_alert_totals")
def count_alerts(alerts: Sequence[Alert], **_: Any) -> None:
    """Count the alerts in the transaction that stores them."""
    alerts_count(alerts=alerts)


@receiver(alerts_stored, dispatch_uid="alert_streams")
def wake_alert_streams(**_: Any) -> None:
    """Make the alert streams of this process read the alerts after the commit."""
    ALERTS.announce_after_commit()


@receiver(post_delete, sender=Alert, dispatch_uid="alert_picture")
def delete_files(instance: Alert, **_: Any) -> None:
    """Delete image and clip after the deletion of the row is committed."""
    keys = [key for key in (instance.image, instance.clip) if key]
    for key in keys:
        transaction.on_commit(partial(images.delete, key), robust=True)
