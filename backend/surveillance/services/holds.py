"""Place and lift legal holds. The audit log has an entry for each, with the reason."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from surveillance.core.validation import InvalidInputError
from surveillance.models import Alert, Camera, LegalHold
from vigil_apps.audit.models import Action
from vigil_apps.audit.tracking import Tracked, record

ALERT_MARGIN = timedelta(seconds=15)
"""Recordings this close to a held alert are held with it."""
MAX_PER_CAMERA = 1000
ALERT_GONE = "this alert does not exist any more"
CAMERA_GONE = "this camera does not exist any more"


class HeldError(Exception):
    """A legal hold forbids the deletion; the message tells the user what to do."""


def camera_held(holds: int) -> str:
    """Return why a camera with so many holds is not deleted."""
    what = "a legal hold" if holds == 1 else f"{holds} legal holds"
    return f"This camera has {what}. Deactivate it instead, or lift the holds first (GET /api/holds/?camera=…)."


def hold_alert(*, alert: Alert, reason: str, user: User) -> LegalHold:
    """Hold an alert with its image and clip, and the recordings around it. Raises InvalidInputError."""
    hold = LegalHold(
        camera_id=alert.camera_id,
        alert=alert,
        start=alert.timestamp - ALERT_MARGIN,
        end=alert.timestamp + ALERT_MARGIN,
        reason=reason,
    )
    return _place(hold, user)


def hold_period(*, camera: Camera, start: datetime, end: datetime, reason: str, user: User) -> LegalHold:
    """Hold a period of a camera: its alerts, recordings and gaps. Raises InvalidInputError."""
    return _place(LegalHold(camera=camera, start=start, end=end, reason=reason), user)


@transaction.atomic
def hold_lift(*, hold: LegalHold, reason: str) -> None:
    """Lift the hold: retention applies again to what no other hold keeps."""
    before = _fields(hold)
    deleted, _ = LegalHold.objects.filter(pk=hold.pk).delete()
    if deleted:  # another request was not first
        record(_TRACKED, hold, action=Action.DELETED, before=before, after={"lift_reason": reason})


@transaction.atomic
def _place(hold: LegalHold, user: User) -> LegalHold:
    # Retention of recordings takes the same lock: what exists when the hold is confirmed is kept.
    camera = Camera.objects.select_for_update(no_key=True).defer("rtsp_url").filter(pk=hold.camera_id).first()
    if camera is None:
        raise InvalidInputError({"camera": [CAMERA_GONE]})
    if hold.alert_id is not None and not Alert.objects.select_for_update().filter(pk=hold.alert_id).exists():
        raise InvalidInputError({"alert": [ALERT_GONE]})
    if LegalHold.objects.filter(camera=camera).count() >= MAX_PER_CAMERA:
        raise InvalidInputError(
            {"camera": [f"has {MAX_PER_CAMERA} legal holds already; lift some, or hold a longer period instead"]}
        )
    hold.site_id, hold.placed_by = camera.site_id, user.get_username()
    hold.save(force_insert=True)
    record(_TRACKED, hold, action=Action.CREATED, before={}, after=_fields(hold))
    return hold


def _fields(hold: LegalHold) -> dict[str, Any]:
    return {
        "camera": hold.camera_id,
        "alert": hold.alert_id,
        "start": hold.start.isoformat(),
        "end": hold.end.isoformat(),
        "reason": hold.reason,
    }


_TRACKED = Tracked("legal hold", _fields, lambda hold: hold.site_id)
