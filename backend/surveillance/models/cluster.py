"""Kubernetes clusters whose operators ask for cameras, and which of them holds each camera."""

from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q, UniqueConstraint

from vigil_contracts.clusters import CLUSTER_NAME, CLUSTER_NAME_FORM


class Cluster(models.Model):
    """One cluster, known since its operator first asked for cameras."""

    name = models.CharField(
        max_length=63,
        blank=True,
        validators=[RegexValidator(CLUSTER_NAME, CLUSTER_NAME_FORM)],
        help_text="As the operator's setting VIGIL_CLUSTER_NAME says. Empty: it has no name.",
    )
    identity = models.CharField(
        max_length=128,
        unique=True,
        null=True,
        editable=False,
        help_text="Digest of its certificate authority, and namespace. Null: that cluster has another name now.",
    )
    asked_at = models.DateTimeField(editable=False, help_text="When its operator last asked, to about 10 s.")
    created_at = models.DateTimeField(auto_now_add=True)
    classes = models.JSONField(
        null=True, blank=True, editable=False, help_text="Its detector classes and their room."
    )
    classes_reported_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When its operator last reported the classes; null: never.",
    )

    class Meta:
        ordering: ClassVar[list[str]] = ["name", "id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            UniqueConstraint(fields=["name"], condition=~Q(name=""), name="cluster_name_unique")
        ]

    def __str__(self) -> str:
        return self.name or self.identity or f"cluster {self.pk}"


class CameraHold(models.Model):
    """The cluster that runs a camera's detector, until it has removed it. No other cluster gets the camera.

    It has no database constraint on the camera, since an older version that does not know this table must be able
    to delete a camera.
    """

    camera = models.OneToOneField(
        "surveillance.Camera", primary_key=True, on_delete=models.CASCADE, related_name="hold", db_constraint=False
    )
    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="holds")
    since = models.DateTimeField()

    def __str__(self) -> str:
        return f"camera {self.camera_id} in {self.cluster_id}"
