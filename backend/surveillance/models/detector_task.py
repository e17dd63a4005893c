"""Detector tasks and notices. Rows live for seconds or minutes; see `surveillance.services.detector_tasks`."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models

from surveillance.choices import TRANSPORTS
from surveillance.credentials import EncryptedTextField
from surveillance.models.camera import Camera
from vigil_contracts.detector_tasks import TaskKind
from vigil_contracts.names import StreamTransport


class Notice(models.Model):
    """A notice to detectors, valid until `expires_at`; `number` increases when it is repeated.

    One row per kind and camera. No foreign key: the deletion of a camera also causes a notice.
    """

    kind = models.CharField(max_length=16, choices=[(kind.value, kind.value) for kind in TaskKind])
    camera_id = models.BigIntegerField()
    number = models.PositiveBigIntegerField(default=0)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["kind", "camera_id"], name="notice_unique_per_camera")
        ]

    def __str__(self) -> str:
        return f"{self.kind} of camera {self.camera_id}"


class TaskState(models.TextChoices):
    """The state of a task."""

    PENDING = "pending", "Waiting for a detector"
    RUNNING = "running", "Claimed by a detector"
    DONE = "done", "Completed"


class DetectorTask(models.Model):
    """A task with a result: a stream test, a discovery of cameras, or a question or command to an ONVIF device.

    The stream or device of an unsaved camera is stored encrypted, and only until the result has arrived.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=16, choices=[(kind.value, kind.value) for kind in TaskKind])
    state = models.CharField(max_length=16, choices=TaskState.choices, default=TaskState.PENDING, db_index=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    camera = models.ForeignKey(Camera, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    rtsp_url = EncryptedTextField(blank=True, default="")
    """The stream; for a question to an ONVIF device, the device's URL."""
    transport = models.CharField(max_length=8, choices=TRANSPORTS, default=StreamTransport.TCP.value)
    command = models.JSONField(null=True, blank=True)
    claimed_by = models.CharField(max_length=64, blank=True, help_text="Public id of the token that claimed it.")
    claimed_at = models.DateTimeField(null=True, blank=True)
    result = models.JSONField(null=True, blank=True)
    snapshot = models.BinaryField(null=True, blank=True, help_text="A JPEG.")
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "surveillance_inquiry"  # the name from before the model was renamed

    def __str__(self) -> str:
        of_what = f"camera {self.camera_id}" if self.camera_id else "an unsaved camera"
        return str(self.kind) if self.kind == TaskKind.DISCOVERY else f"{self.kind} of {of_what}"
