"""Camera resources in Kubernetes: the camera that each belongs to, its origin and its state."""

from typing import ClassVar

from django.db import models

from surveillance.models.camera import Camera
from vigil_contracts.names import DeletionPolicy


class CameraResource(models.Model):
    """One resource, identified by its uid: names can be reused, uids never."""

    camera = models.OneToOneField(Camera, primary_key=True, on_delete=models.CASCADE, related_name="resource")
    uid = models.CharField(max_length=64, unique=True)
    source = models.CharField(max_length=200, db_index=True, help_text="Cluster and namespace.")
    name = models.CharField(max_length=253)
    digest = models.CharField(max_length=64, blank=True, help_text="The operator's mark of what it sent last.")
    deletion_policy = models.CharField(
        max_length=8,
        default=DeletionPolicy.RETAIN.value,
        db_default=DeletionPolicy.RETAIN.value,
        help_text="Whether the camera and its alerts stay when the resource is deleted.",
    )
    deleted_at = models.DateTimeField(
        null=True, blank=True, help_text="When the resource was deleted; a new one of its name takes the camera up."
    )
    has_retention = models.BooleanField(
        default=False, db_default=False, help_text="Whether the resource sets the limits for the camera's alerts."
    )
    policy_sources = models.JSONField(
        default=dict,
        null=True,
        blank=True,
        help_text="The CameraPolicy of each field whose value comes from one.",
    )
    """NULL in rows of a version that did not have the field yet."""

    def __str__(self) -> str:
        return f"{self.source}/{self.name}"


class CameraResourceState(models.Model):
    """The state of the camera's resource, as the operator last reported it; for display only.

    A separate table, so that updates do not touch the camera row. It has no database constraint, since an older
    version that does not know this table must be able to delete a camera.
    """

    camera = models.OneToOneField(
        Camera, primary_key=True, on_delete=models.CASCADE, related_name="resource_state", db_constraint=False
    )
    source = models.CharField(max_length=200, help_text="Cluster and namespace.")
    name = models.CharField(max_length=253)
    # No `choices`: new phases need no migration. The report has been validated.
    phase = models.CharField(max_length=16)
    conditions = models.JSONField(default=list)
    node = models.CharField(max_length=253, blank=True)
    detector_class = models.CharField(max_length=253, blank=True)
    reported_at = models.DateTimeField()

    REPORTED: ClassVar[tuple[str, ...]] = ("source", "name", "phase", "conditions", "node", "detector_class")
    """The columns that the operator's report sets."""

    def __str__(self) -> str:
        return f"{self.source}/{self.name}: {self.phase}"
