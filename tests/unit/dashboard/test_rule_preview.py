"""Rule preview: counts stored alerts that would match, and states what is unknown."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from tests.unit.dashboard.test_pages import add_camera

from surveillance.core.rule_preview import Certainty, ObjectPosition, previews
from surveillance.models import Alert, Camera
from vigil_contracts.detection import Detection
from vigil_contracts.geometry import Box
from vigil_contracts.names import AlertType

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)  # a Monday
DRIVE = {"name": "Drive", "points": [[0.0, 0.5], [0.5, 0.5], [0.5, 1.0], [0.0, 1.0]]}
WHOLE_DAY = {"time_zone": "UTC", "windows": [{"days": ["mon"], "start": "00:00", "end": "24:00"}]}


def seen(
    number: int, x: float, y: float, *, at: datetime = NOON, track: str = "", label: str = "person", **fields: Any
) -> ObjectPosition:
    """Return an object whose foot is at (x, y), 0.1 wide and 0.2 high."""
    box = Box(x_min=max(0, x - 0.05), x_max=min(1, x + 0.05), y_min=max(0, y - 0.2), y_max=y)
    known: dict[str, Any] = {"confidence": 0.9, "kind": AlertType.PERSON, **fields}
    return ObjectPosition(alert_id=number, track=track or f"t{number}", at=at, label=label, box=box, **known)


def told(rule: dict[str, Any], *sightings: ObjectPosition, **detection: Any) -> tuple[tuple[int, ...], Certainty]:
    rules = [{"name": "r", **rule}]
    (preview,) = previews(Detection.model_validate({"zones": [DRIVE], "rules": rules, **detection}), sightings)
    return preview.alert_ids, preview.certainty


def test_object_counts_only_if_its_foot_is_in_the_zone() -> None:
    inside, above, beside = seen(1, 0.2, 0.7), seen(2, 0.2, 0.45), seen(3, 0.8, 0.7)
    assert told({"type": "intrusion", "zone": "Drive"}, inside, above, beside) == ((1,), Certainty.COUNTED)
    assert told({"type": "object"}, inside, above, beside)[0] == (1, 2, 3)


def test_object_on_the_outline_is_inside_the_zone() -> None:
    assert told({"type": "intrusion", "zone": "Drive"}, seen(1, 0.2, 0.5), seen(2, 0.5, 0.75))[0] == (1, 2)


def test_object_with_several_alerts_counts_once() -> None:
    sightings = [seen(number, 0.2, 0.7, track="same", at=NOON + timedelta(seconds=number)) for number in (1, 2, 3)]
    assert told({"type": "object", "zone": "Drive"}, *sightings)[0] == (1,)


@pytest.mark.parametrize(
    ("rule", "sighting", "counts"),
    [
        ({"classes": ["person"]}, seen(1, 0.2, 0.7, label="car", kind=AlertType.VEHICLE), False),
        ({"classes": ["Vehicle"]}, seen(1, 0.2, 0.7, label="car", kind=AlertType.VEHICLE), True),
        ({"minimum_confidence": 0.95}, seen(1, 0.2, 0.7), False),
        ({"minimum_confidence": 0.9}, seen(1, 0.2, 0.7), True),
        ({"minimum_size": 0.03}, seen(1, 0.2, 0.7), False),
        ({"minimum_size": 0.01}, seen(1, 0.2, 0.7), True),
    ],
)
def test_rule_thresholds_are_applied(rule: dict[str, Any], sighting: ObjectPosition, counts: bool) -> None:
    assert bool(told({"type": "object", **rule}, sighting)[0]) is counts


def test_classes_that_are_not_detected_are_not_counted() -> None:
    assert told({"type": "object"}, seen(1, 0.2, 0.7, label="cat"), classes=["dog"])[0] == ()
    assert told({"type": "object"}, seen(1, 0.2, 0.7, confidence=0.4))[0] == ()


def test_schedule_and_cool_down_are_applied() -> None:
    days = [seen(day, 0.2, 0.7, at=NOON + timedelta(days=day)) for day in range(3)]
    assert told({"type": "object"}, *days, schedule=WHOLE_DAY)[0] == (0,)
    minutes = [seen(number, 0.2, 0.7, at=NOON + timedelta(minutes=number)) for number in range(10)]
    assert told({"type": "object", "cooldown_seconds": 240}, *reversed(minutes))[0] == (0, 4, 8)


def test_missing_data_is_reported_as_unknown() -> None:
    loitering = {"type": "loitering", "zone": "Drive", "seconds": 60}
    assert told(loitering, seen(1, 0.2, 0.7)) == ((1,), Certainty.AT_MOST)
    assert told({"type": "object", "minimum_seconds": 3}, seen(1, 0.2, 0.7))[1] is Certainty.AT_MOST


@pytest.mark.parametrize(
    ("direction", "counts"), [("either", True), ("left_to_right", True), ("right_to_left", False)]
)
def test_line_crossing_needs_positions_on_both_sides(direction: str, counts: bool) -> None:
    # Looking along the line from its lower to its upper end, the image's left is on the left.
    rule = {"type": "line_crossing", "line": [[0.5, 1.0], [0.5, 0.0]], "direction": direction}
    before = seen(1, 0.3, 0.6, track="t")
    after = seen(2, 0.7, 0.6, track="t", at=NOON + timedelta(seconds=2))
    once = seen(3, 0.9, 0.6)
    assert told(rule, before, after, once) == ((2,) if counts else (), Certainty.AT_LEAST)


def test_without_rules_everything_counts() -> None:
    (preview,) = previews(Detection(), [seen(1, 0.2, 0.7), seen(2, 0.9, 0.1)])
    assert preview.alert_ids == (1, 2)


# ---- the page's views


@pytest.fixture
def camera(anna: User) -> Camera:
    return add_camera(anna)


def _alert(camera: Camera, number: int, *, age: timedelta = timedelta(0), box: object = None) -> Alert:
    place = {"x_min": 0.1, "x_max": 0.2, "y_min": 0.4, "y_max": 0.7}
    return Alert.objects.create(
        camera=camera,
        event_id=f"event-{number:04}",
        alert_type="person",
        label="person",
        confidence=0.9,
        timestamp=timezone.now() - age,
        box=box or place,
    )


def post(client: Client, camera: Camera, action: str, values: object) -> Any:
    path = f"/dashboard/cameras/{camera.pk}/rules/{action}/"
    return client.post(path, values, content_type="application/json")


def test_preview_uses_the_cameras_last_day(client: Client, anna: User, camera: Camera) -> None:
    fresh = _alert(camera, 1)
    _alert(camera, 2, age=timedelta(hours=25))
    _alert(camera, 3, box={"nonsense": 1})
    _alert(add_camera(anna, "Other"), 4)
    rules = [{"name": "r", "type": "intrusion", "zone": "Drive"}]
    answer = post(client, camera, "preview", {"detection": {"zones": [DRIVE], "rules": rules}}).json()
    assert answer["objects"] == 1
    assert answer["rules"] == [{"alerts": [fresh.pk], "certainty": "counted"}]
    assert answer["feet"] == [[fresh.pk, 0.15, 0.7]]


def test_incomplete_rule_names_the_field(client: Client, camera: Camera) -> None:
    rules = [{"name": "r", "type": "intrusion", "zone": "Nowhere"}]
    answer = post(client, camera, "preview", {"detection": {"zones": [], "rules": rules}}).json()
    assert "Nowhere" in answer["errors"]["detection.rules"][0]


def test_saving_changes_only_edited_settings(client: Client, camera: Camera) -> None:
    camera.detection = {**camera.detection, "classes": ["person"], "frames_per_second": 7.0}
    camera.save()
    version = camera.updated_at.isoformat()
    sent = {"zones": [DRIVE], "rules": [], "motion_masks": [], "schedule": None, "classes": ["evil"]}
    answer = post(client, camera, "save", {"version": version, "detection": sent})
    assert answer.status_code == 200, answer.content
    camera.refresh_from_db()
    assert camera.detection["zones"] == [DRIVE]
    assert (camera.detection["classes"], camera.detection["frames_per_second"]) == (["person"], 7.0)
    assert answer.json()["version"] == camera.updated_at.isoformat()


def test_concurrent_change_is_not_overwritten(client: Client, camera: Camera) -> None:
    version = camera.updated_at.isoformat()
    camera.save()
    answer = post(client, camera, "save", {"version": version, "detection": {"zones": [DRIVE]}})
    assert (answer.status_code, "Another user" in str(answer.json())) == (409, True)
    camera.refresh_from_db()
    assert camera.detection["zones"] == []


@pytest.mark.parametrize("body", ["[]", "nonsense", '{"detection": 3}', "[" * 100_000])
def test_invalid_bodies_are_rejected(client: Client, camera: Camera, body: str) -> None:
    assert post(client, camera, "preview", body).status_code == 200
    assert post(client, camera, "save", body).status_code == 409
