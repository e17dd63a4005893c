"""Tables and constraints."""

from surveillance.models.alert import Alert, AlertComment
from surveillance.models.camera import Camera, CameraListVersion, ManagedBy
from surveillance.models.health import CameraHealth

__all__ = ["Alert", "AlertComment", "Camera", "CameraHealth", "CameraListVersion", "ManagedBy"]
