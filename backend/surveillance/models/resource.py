"""The Camera resource in Kubernetes that a row stands for, where the row came from there."""

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
