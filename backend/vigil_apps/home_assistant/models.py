"""The integration's settings and state, and the devices that Home Assistant knows."""

import secrets
from typing import ClassVar

from django.conf import settings
from django.db import models

from surveillance.credentials import EncryptedTextField


def new_instance() -> str:
    """Return a short random name of this server, which all its topics contain."""
    return secrets.token_hex(4)


class HomeAssistant(models.Model):
    """One row. `core.settings` describes and validates the settings.

    The publisher of one process at a time serves the broker: the one that holds the lease (`holder`).
    """

    is_enabled = models.BooleanField(default=False)
    url = EncryptedTextField(blank=True, default="", help_text="mqtts://user:password@host:8883.")
    discovery_prefix = models.CharField(max_length=100, default="homeassistant")
    sites = models.JSONField(default=list, blank=True, help_text="Only the cameras of these sites; empty: all.")
    acts_as = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="With whose rights switches in Home Assistant act. Null: there are no switches.",
    )
    instance = models.CharField(max_length=16, default=new_instance, editable=False)
    holder = models.CharField(max_length=32, blank=True, default="", editable=False)
    held_until = models.DateTimeField(null=True, blank=True, editable=False)
    alert_position = models.BigIntegerField(null=True, blank=True, editable=False)
    """Id of the last alert that was published; null before the first connection."""
    is_connected = models.BooleanField(default=False, editable=False)
    problem = models.CharField(max_length=200, blank=True, default="", editable=False)

    class Meta:
        verbose_name: ClassVar[str] = "Home Assistant"
        verbose_name_plural: ClassVar[str] = "Home Assistant"

    def __str__(self) -> str:
        return "Home Assistant"


class PublishedDevice(models.Model):
    """A camera that Home Assistant knows. It outlives the camera, so that the device can be removed.

    `components`: the platform of each entity. `counted`: the alert types and zones that have entities.
    """

    camera_id = models.BigIntegerField(primary_key=True)
    components = models.JSONField(default=dict)
    counted = models.JSONField(default=list)

    class Meta:
        ordering: ClassVar[list[str]] = ["camera_id"]

    def __str__(self) -> str:
        return f"device of camera {self.camera_id}"
