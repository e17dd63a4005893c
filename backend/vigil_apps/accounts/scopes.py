"""What a token is for. A request is let in by its scope first, and by ownership after that."""

from django.db import models


class Scope(models.TextChoices):
    """The closed list of scopes; values are stored."""

    USER = "user", "User: the cameras and alerts of its user"
    PIPELINE = "pipeline", "Pipeline: watches every camera and sends alerts"
    PROBER = "prober", "Prober: tries streams and looks for cameras when asked, and nothing else"
    CLUSTER_OPERATOR = "operator", "Operator: lists every camera and issues detector tokens"
    DETECTOR = "detector", "Detector: one camera's configuration, heartbeat and alerts"


SERVICE_SCOPES = frozenset({Scope.PIPELINE, Scope.CLUSTER_OPERATOR})
"""Scopes that reach every camera. Only an administrator's command makes such a token, or a prober's; no API call."""
