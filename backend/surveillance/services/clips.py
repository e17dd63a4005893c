"""Write the clips of alerts."""

from datetime import datetime

from surveillance import images
from surveillance.core.clips import InvalidClipError, check_clip
from surveillance.core.validation import InvalidInputError
from surveillance.models import Alert, Camera
from surveillance.services.alerts import Stored, UnknownEventError


def clip_store(*, camera: Camera, event_id: str, content: bytes, now: datetime) -> Stored:
    """Store the clip of the event's alert exactly once; the first one stays.

    The clip is written before the row refers to it, and deleted if the commit certainly failed. Raises
    UnknownEventError, InvalidInputError, or images.StorageUnavailableError.
    """
    alert = Alert.objects.filter(camera=camera, event_id=event_id).select_related("camera").first()
    if alert is None:
        raise UnknownEventError
    if alert.has_clip:
        return Stored(alert, is_new=False)
    try:
        check_clip(content, may_have_audio=camera.detection.get("record_audio") is True)
    except InvalidClipError as error:
        raise InvalidInputError({"clip": [str(error)]}) from None
    key = images.save(content, now=now, extension="mp4")
    try:
        without = Alert.objects.filter(pk=alert.pk, clip="", clip_start_ms=None)
        is_new = without.update(clip=key, clip_bytes=len(content)) == 1
    except BaseException as error:
        images.delete_after(error, key)
        raise
    if not is_new:  # the same clip arrived concurrently, or the recording has it, or the alert was deleted
        images.delete(key)
    alert.refresh_from_db(fields=["clip", "clip_start_ms"])
    return Stored(alert, is_new=is_new)
