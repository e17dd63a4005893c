"""The server side of the rule editor: load, save and preview a camera's rules."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from pydantic import ValidationError

from surveillance.core.rule_preview import ObjectPosition, RulePreview, previews
from surveillance.core.stored_detection import readable_detection
from surveillance.core.validation import parse
from surveillance.models import Camera
from vigil_apps.dashboard.selectors import visible_alerts
from vigil_contracts.alert import Box
from vigil_contracts.detection import Detection
from vigil_contracts.names import AlertType

EDITED = ("zones", "rules", "motion_masks", "privacy_masks", "schedule")
HOURS = 24
MAX_ALERTS = 1000
"""The number of newest alerts to evaluate; above it, the preview says that it is incomplete."""


@dataclass(frozen=True, slots=True)
class Preview:
    """The alerts that the rules would have created; `sightings` are all evaluated objects."""

    sightings: list[ObjectPosition]
    rules: list[RulePreview]
    is_cut: bool

    def as_json(self) -> dict[str, Any]:
        """Return the preview for the page's script."""
        rules = [{"alerts": one.alert_ids, "certainty": one.certainty.value} for one in self.rules]
        feet = [[one.alert_id, round(one.foot[0], 4), round(one.foot[1], 4)] for one in self.sightings]
        objects = len({one.track for one in self.sightings})
        return {"hours": HOURS, "objects": objects, "feet": feet, "rules": rules, "is_cut": self.is_cut}


def edited_part(camera: Camera) -> dict[str, Any]:
    """Return the part of the camera's detection settings that the editor changes."""
    detection = readable_detection(camera.detection).model_dump(mode="json")
    return {name: detection[name] for name in EDITED}


def with_edits(camera: Camera, sent: object) -> dict[str, Any]:
    """Return the camera's detection settings with the edited part from `sent`; other keys are ignored."""
    detection = readable_detection(camera.detection).model_dump(mode="json")
    if isinstance(sent, dict):
        detection |= {name: sent[name] for name in EDITED if name in sent}
    return detection


def preview_of(user: User, camera: Camera, sent: object, *, now: datetime) -> Preview:
    """Return what the camera with the edits would have reported. Raises InvalidInputError."""
    detection = parse(Detection, with_edits(camera, sent), prefix="detection")
    alerts = (
        visible_alerts(user)
        .filter(camera_id=camera.pk, timestamp__gte=now - timedelta(hours=HOURS))
        .exclude(box=None)
        .order_by("-id")
        .values_list("id", "track", "event_id", "timestamp", "label", "alert_type", "confidence", "box")
    )
    rows = list(alerts[: MAX_ALERTS + 1])
    sightings = []
    for number, track, event, at, label, kind, confidence, box in rows[:MAX_ALERTS]:
        try:
            place = Box.model_validate(box).corners
        except ValidationError:
            continue
        sightings.append(ObjectPosition(number, track or event, at, label, AlertType(kind), confidence, place))
    return Preview(sightings, previews(detection, sightings), is_cut=len(rows) > MAX_ALERTS)
