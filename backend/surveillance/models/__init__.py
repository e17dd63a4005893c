"""Database tables and constraints."""

from surveillance.models.alert import Alert, AlertComment
from surveillance.models.camera import Camera, CameraListChange, CameraListVersion, ManagedBy
from surveillance.models.cluster import CameraHold, Cluster
from surveillance.models.detector_task import DetectorTask, Notice, TaskState
from surveillance.models.health import CameraHealth, CameraHealthChange
from surveillance.models.housekeeping import HousekeepingTask
from surveillance.models.legal_hold import LegalHold
from surveillance.models.resource import CameraResource, CameraResourceState
from surveillance.models.totals import CameraAlerts

__all__ = [
    "Alert",
    "AlertComment",
    "Camera",
    "CameraAlerts",
    "CameraHealth",
    "CameraHealthChange",
    "CameraHold",
    "CameraListChange",
    "CameraListVersion",
    "CameraResource",
    "CameraResourceState",
    "Cluster",
    "DetectorTask",
    "HousekeepingTask",
    "LegalHold",
    "ManagedBy",
    "Notice",
    "TaskState",
]
