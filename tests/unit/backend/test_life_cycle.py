"""Life cycle of an alert: acknowledge, resolve, comment, false positive; and offline cameras."""

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.db.models.signals import post_init
from django.test import Client
from tests.unit.backend.conftest import Party, send

from surveillance.background import SETTLING_SECONDS, Background, Seldom
from surveillance.core.offline import STARTING_MAY_TAKE, Watch, event_id, offline_since
from surveillance.models import Alert, AlertComment, Camera, CameraHealth
from surveillance.services.offline import offline_alerts_update

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_resolving_acknowledges_and_keeps_the_first_user(anna: Party, root: Party, alert: Alert) -> None:
    first = anna.client.post(f"/api/alerts/{alert.pk}/resolve/").json()
    assert (first["resolved"], first["resolved_by"], first["acknowledged"], first["acknowledged_by"]) == (
        True,
        "anna",
        True,
        "anna",
    )
    again = root.client.post(f"/api/alerts/{alert.pk}/resolve/").json()
    assert (again["resolved_by"], again["resolved_at"]) == ("anna", first["resolved_at"])


def test_resolving_keeps_the_acknowledging_user(anna: Party, root: Party, alert: Alert) -> None:
    root.client.post(f"/api/alerts/{alert.pk}/acknowledge/")
    shown = anna.client.post(f"/api/alerts/{alert.pk}/resolve/").json()
    assert (shown["acknowledged_by"], shown["resolved_by"]) == ("root", "anna")


def test_bulk_actions_change_only_permitted_alerts(
    anna: Party, ben: Party, viewer: Party, site_operator: Party, pipeline: Party, camera: Camera
) -> None:
    theirs = Camera.objects.create(user=ben.user, name="b", rtsp_url="rtsp://h/1")
    for number in range(3):
        send(pipeline, camera, event_id=f"event-000{number}")
    send(pipeline, theirs, event_id="event-ben")
    ids = list(Alert.objects.order_by("id").values_list("pk", flat=True))
    body = {"ids": [*ids, 987654]}
    assert viewer.client.post("/api/alerts/resolve/", body).json() == {"resolved": 0}
    assert viewer.client.post("/api/alerts/false-positive/", body).json() == {"changed": 0}
    anna.client.post(f"/api/alerts/{ids[0]}/resolve/")
    assert site_operator.client.post("/api/alerts/resolve/", body).json() == {"resolved": 2}
    assert [(row.resolved_by_id, row.acknowledged_by_id) for row in Alert.objects.order_by("id")] == [
        (anna.user.pk,) * 2,
        *[(site_operator.user.pk,) * 2] * 2,
        (None, None),
    ]
    assert anna.client.post("/api/alerts/false-positive/", {"ids": ids[:2]}).json() == {"changed": 2}
    assert anna.client.post("/api/alerts/false-positive/", body).json() == {"changed": 1}
    assert set(Alert.objects.filter(is_false_positive=True).values_list("pk", flat=True)) == set(ids[:3])
    assert anna.client.post("/api/alerts/false-positive/", {**body, "is_false_positive": False}).json() == {
        "changed": 3
    }
    assert not Alert.objects.filter(is_false_positive=True).exists()


@pytest.mark.parametrize("path", ["resolve", "false-positive", "acknowledge"])
@pytest.mark.parametrize("ids", [[], ["a"], [-1], None, list(range(1, 1002)), [2**70]])
def test_invalid_bulk_ids_name_the_field(anna: Party, path: str, ids: Any) -> None:
    answer = anna.client.post(f"/api/alerts/{path}/", {"ids": ids})
    assert (answer.status_code, list(answer.json())) == (400, ["ids"])


def test_comments(anna: Party, ben: Party, alert: Alert) -> None:
    url = f"/api/alerts/{alert.pk}/comments/"
    assert anna.client.post(url, {"text": "The postman."}).status_code == 201
    assert ben.client.post(url, {"text": "x"}).status_code == 404
    (comment,) = anna.client.get(url).json()
    assert (comment["author"], comment["text"]) == ("anna", "The postman.")
    for text in ("", " ", "x" * 2001, None, "a\x00"):
        answer = anna.client.post(url, {"text": text})
        assert (answer.status_code, list(answer.json())) == (400, ["text"])
    assert AlertComment.objects.count() == 1


def test_false_positives_count_against_their_rule(anna: Party, detector: Party, camera: Camera) -> None:
    for number in range(5):
        send(detector, camera, event_id=f"event-000{number}", rule="good" if number < 2 else "bad")
    for alert in Alert.objects.filter(rule="bad")[:2]:
        assert anna.client.post(f"/api/alerts/{alert.pk}/false-positive/").json()["is_false_positive"] is True
    rows = anna.client.get("/api/alerts/rules/").json()
    assert [(row["rule"], row["alerts"], row["false_positives"]) for row in rows] == [("bad", 3, 2), ("good", 2, 0)]
    for alert in Alert.objects.filter(is_false_positive=True):
        assert anna.client.delete(f"/api/alerts/{alert.pk}/false-positive/").json()["is_false_positive"] is False
    assert {row["false_positives"] for row in anna.client.get("/api/alerts/rules/").json()} == {0}


@pytest.mark.parametrize(
    ("edge", "path", "many"),
    [
        ("api", "/api/alerts/{id}/false-positive/", False),
        ("api", "/api/alerts/false-positive/", True),
        ("dashboard", "/dashboard/alerts/{id}/false-positive/", False),
        ("dashboard", "/dashboard/alerts/false-positive/", True),
    ],
)
def test_marking_as_false_positive_acknowledges_in_api_and_dashboard_alike(
    anna: Party, root: Party, pipeline: Party, camera: Camera, edge: str, path: str, many: bool
) -> None:
    for number in range(2):
        send(pipeline, camera, event_id=f"event-000{number}")
    opened, seen = Alert.objects.order_by("id").values_list("pk", flat=True)
    root.client.post(f"/api/alerts/{seen}/acknowledge/")
    browser = Client()
    browser.force_login(anna.user)
    client: Any = anna.client if edge == "api" else browser
    for ids in ([opened, seen],) if many else ([opened], [seen]):
        assert client.post(path.format(id=ids[0]), {"ids": ids} if many else None).status_code in {200, 204, 302}
    rows = Alert.objects.order_by("id").values_list("is_false_positive", "acknowledged", "acknowledged_by")
    assert list(rows) == [(True, True, anna.user.pk), (True, True, root.user.pk)]
    assert anna.client.delete(f"/api/alerts/{opened}/false-positive/").json()["acknowledged"] is True


@pytest.mark.parametrize(
    ("query", "count"),
    [("PARCEL", 1), ("parcel door", 1), ("parcel window", 0), ("gate", 2), ("%", 0), ("'; --", 0)],
)
def test_search(anna: Party, detector: Party, camera: Camera, query: str, count: int) -> None:
    send(detector, camera, event_id="event-1a", description="A parcel at the door")
    send(detector, camera, event_id="event-2a", description="A cat")
    answer = anna.client.get("/api/alerts/", {"search": query})
    assert len(answer.json()["results"]) == count


@pytest.mark.parametrize(
    ("watch", "since"),
    [
        (Watch(None, NOW - 30 * SECOND), None),
        (Watch(None, NOW - 31 * SECOND), NOW - 31 * SECOND),
        (Watch(NOW - 20 * SECOND, NOW - 60 * SECOND), None),
        (Watch(NOW - STARTING_MAY_TAKE, None), None),
        (Watch(NOW - STARTING_MAY_TAKE - SECOND, None), NOW - STARTING_MAY_TAKE - SECOND),
        (Watch(NOW - 40 * SECOND, NOW - 35 * SECOND), NOW - 35 * SECOND),
        (Watch(None, None), None),
    ],
)
def test_offline_since(watch: Watch, since: datetime | None) -> None:
    assert offline_since(watch, now=NOW) == since


def test_outage_keeps_its_name() -> None:
    watch = Watch(None, NOW)
    later = offline_since(watch, now=NOW + timedelta(minutes=1))
    much_later = offline_since(watch, now=NOW + timedelta(hours=1))
    assert later is not None
    assert much_later is not None
    assert event_id(later) == event_id(much_later)


def _report(camera: Camera, at: datetime, phase: str = "Streaming", reason: str = "Streaming") -> None:
    values = {"phase": phase, "reason": reason, "reported_at": at}
    CameraHealth.objects.update_or_create(camera=camera, defaults=values)


def test_offline_camera_gives_one_alert_that_resolves_itself(camera: Camera) -> None:
    _report(camera, NOW)
    assert offline_alerts_update(now=NOW + 30 * SECOND) == (0, 0)
    assert offline_alerts_update(now=NOW + 31 * SECOND) == (1, 0)
    assert offline_alerts_update(now=NOW + 99 * SECOND) == (0, 0)
    alert = Alert.objects.get()
    assert (alert.alert_type, alert.timestamp, alert.resolved) == ("camera_offline", NOW, False)
    _report(camera, NOW + 100 * SECOND)
    assert offline_alerts_update(now=NOW + 101 * SECOND) == (0, 1)
    alert.refresh_from_db()
    assert (alert.resolved, alert.resolved_by, alert.resolved_at) == (True, None, NOW + 101 * SECOND)
    assert offline_alerts_update(now=NOW + 200 * SECOND) == (1, 0), "the next outage is another alert"


def test_detectors_offline_alert_stays_open_without_a_duplicate(camera: Camera) -> None:
    Alert.objects.create(
        camera=camera, event_id="outage-1", alert_type="camera_offline", confidence=1.0, timestamp=NOW
    )
    _report(camera, NOW, "Degraded", "StreamUnreachable")
    assert offline_alerts_update(now=NOW + 5 * SECOND) == (0, 0)
    assert offline_alerts_update(now=NOW + 300 * SECOND) == (0, 0), "the detector went silent too"
    _report(camera, NOW + 400 * SECOND, "Starting", "Starting")
    assert offline_alerts_update(now=NOW + 401 * SECOND) == (0, 0)
    _report(camera, NOW + 410 * SECOND)
    assert offline_alerts_update(now=NOW + 411 * SECOND) == (0, 1)


def test_inactive_camera_is_not_offline(camera: Camera) -> None:
    _report(camera, NOW)
    assert offline_alerts_update(now=NOW + 60 * SECOND) == (1, 0)
    Camera.objects.update(is_active=False)
    assert offline_alerts_update(now=NOW + 61 * SECOND) == (0, 1)


def test_healthy_cameras_are_not_loaded(camera: Camera, django_assert_max_num_queries: Any) -> None:
    _report(camera, NOW - timedelta(minutes=1))  # the only unhealthy one
    for number in range(20):
        _report(
            Camera.objects.create(
                user=camera.user, name=f"c{number}", rtsp_url="rtsp://h/1", is_active=True, activated_at=NOW
            ),
            NOW,
        )
    read = []

    def note(instance: Camera, **_: Any) -> None:
        read.append(instance.pk)

    post_init.connect(note, sender=Camera)
    try:
        with django_assert_max_num_queries(2):
            assert offline_alerts_update(now=NOW - timedelta(seconds=40)) == (0, 0)
        assert read == []
        assert offline_alerts_update(now=NOW + SECOND) == (1, 0)
        assert set(read) == {camera.pk}
    finally:
        post_init.disconnect(note, sender=Camera)


def test_backend_downtime_does_not_count_as_silence(db: None) -> None:
    clock, turns, fails = [0.0], [0], [False]

    def work() -> None:
        turns[0] += 1
        if fails[0]:
            raise OperationalError("away")

    background = Background(work, clock=lambda: clock[0])
    background.turn()
    assert turns == [0], "detectors could not report while the backend was down"
    clock[0] = SETTLING_SECONDS
    fails[0] = True
    background.turn()
    assert turns == [1]
    fails[0] = False
    clock[0] += 1
    background.turn()
    assert turns == [1], "nor while the database was"
    clock[0] += SETTLING_SECONDS
    background.turn()
    assert turns == [2]


def test_seldom_work_waits_and_is_due_again_after_a_failure() -> None:
    clock, done = [0.0], list[float]()

    def work() -> None:
        if clock[0] == 60.0:
            raise OSError("full")
        done.append(clock[0])

    seldom = Seldom(work, 60.0, clock=lambda: clock[0])
    for clock[0] in (0.0, 59.0, 60.0, 65.0, 124.0, 125.0):
        with pytest.raises(OSError, match="full") if clock[0] == 60.0 else nullcontext():
            seldom()
    assert done == [0.0, 65.0, 125.0]
