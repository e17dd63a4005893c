"""The audit log's view of cameras: the masked stream URL, with a fingerprint of its credentials."""

from typing import Any

from surveillance.core.camera_fields import WRITABLE
from surveillance.models import Camera
from vigil_apps.audit.tracking import Tracked, fingerprint, track

_PLAIN = (*(name for name in WRITABLE if name not in {"rtsp_url", "detection", "recording"}), "managed_by")


def _fields(camera: Camera) -> dict[str, Any]:
    """Return the detection settings one by one, so that an entry names the changed list instead of «detection»."""
    shown: dict[str, Any] = {name: getattr(camera, name) for name in _PLAIN}
    shown["owner"] = camera.user_id
    shown["rtsp_url"] = camera.masked_rtsp_url
    shown["rtsp_url_fingerprint"] = fingerprint(camera.rtsp_url)
    shown |= {f"recording.{name}": value for name, value in (camera.recording or {}).items()}
    shown |= {f"detection.{name}": value for name, value in (camera.detection or {}).items()}
    return shown


def connect() -> None:
    """Start tracking."""
    track(Camera, Tracked("camera", _fields, lambda camera: camera.site_id))
