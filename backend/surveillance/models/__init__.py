"""Tables and constraints."""

from surveillance.models.alert import Alert
from surveillance.models.camera import Camera, CameraListVersion, ManagedBy
from surveillance.models.health import CameraHealth

__all__ = ["Alert", "Camera", "CameraHealth", "CameraListVersion", "ManagedBy"]
