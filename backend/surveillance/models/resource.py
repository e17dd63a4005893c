"""Camera resources in Kubernetes: which of them a row stands for, where it came from there, and how each is."""

from typing import ClassVar

from django.db import models

from surveillance.models.camera import Camera


class CameraResource(models.Model):
    """One resource. Its uid is what it is known by: a name may be given again, a uid never is."""

    camera = models.OneToOneField(Camera, primary_key=True, on_delete=models.CASCADE, related_name="resource")
    uid = models.CharField(max_length=64, unique=True)
    source = models.CharField(max_length=200, db_index=True, help_text="Cluster and namespace.")
    name = models.CharField(max_length=253)
    digest = models.CharField(max_length=64, blank=True, help_text="The operator's mark of what it sent last.")

    def __str__(self) -> str:
        return f"{self.source}/{self.name}"


class CameraResourceState(models.Model):
    """How the camera's resource is, as its operator reported last: for people, and for nothing else.

    A table of its own: its writes touch no camera row. Without a constraint in the database, since a version that
    does not know the table must be able to delete a camera.
    """

    camera = models.OneToOneField(
        Camera, primary_key=True, on_delete=models.CASCADE, related_name="resource_state", db_constraint=False
    )
    source = models.CharField(max_length=200, help_text="Cluster and namespace.")
    name = models.CharField(max_length=253)
    # No `choices`: a new phase is no change of the table. The contract has checked it.
    phase = models.CharField(max_length=16)
    conditions = models.JSONField(default=list)
    node = models.CharField(max_length=253, blank=True)
    detector_class = models.CharField(max_length=253, blank=True)
    reported_at = models.DateTimeField()

    REPORTED: ClassVar[tuple[str, ...]] = ("source", "name", "phase", "conditions", "node", "detector_class")
    """The columns that the operator's report fills."""

    def __str__(self) -> str:
        return f"{self.source}/{self.name}: {self.phase}"
