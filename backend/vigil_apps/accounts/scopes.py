"""Token scopes. A request must pass the scope check first and the object permissions after that."""

from django.db import models


class Scope(models.TextChoices):
    """The token scopes; their values are stored in the database."""

    USER = "user", "User: the cameras and alerts of its user"
    PIPELINE = "pipeline", "Pipeline: watches every camera and sends alerts"
    PROBER = "prober", "Prober: tries streams and looks for cameras when asked, and nothing else"
    CLUSTER_OPERATOR = "operator", "Operator: lists every camera and issues detector tokens"
    DETECTOR = "detector", "Detector: one camera's configuration, heartbeat and alerts"


SERVICE_SCOPES = frozenset({Scope.PIPELINE, Scope.CLUSTER_OPERATOR})
"""Scopes with access to every camera. Only administrators can create such a token, by command; the API cannot."""
