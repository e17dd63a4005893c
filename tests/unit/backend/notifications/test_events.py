"""The event stream: which changes become events, in which order, and what receivers get."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent as ReferenceEvent
from django.utils import timezone
from tests.unit.backend.conftest import Party, send
from tests.unit.backend.notifications.conftest import subscribe

from surveillance.models import Alert, Camera, CameraHealth
from surveillance.services.offline import offline_alerts_update
from surveillance.signals import AlertChange
from vigil_apps.notifications import turn
from vigil_apps.notifications.channels import CHANNELS, DeliveryError
from vigil_apps.notifications.core.events import event_schema
from vigil_apps.notifications.core.message import Content
from vigil_apps.notifications.core.names import ChannelName
from vigil_apps.notifications.models import CameraOutage, Message, OutboxEntry, StreamEvent, Subscription
from vigil_apps.notifications.selectors import due_messages
from vigil_apps.notifications.services.delivery import KEPT, message_deliver, messages_delete_old
from vigil_apps.notifications.services.events import alerts_changed_record
from vigil_apps.sites.models import Membership

ROOT = Path(__file__).parents[4]
SCHEMA = jsonschema.Draft202012Validator(event_schema())


class Sink:
    """Replaces the webhook channel and reads each body with the reference implementation of CloudEvents."""

    def __init__(self) -> None:
        self.errors: list[DeliveryError] = []
        self.bodies: list[dict[str, Any]] = []

    def send(self, _target: Any, content: Content) -> None:
        """Check the event against both the official library and our schema."""
        if self.errors:
            raise self.errors.pop(0)
        assert content.media_type == "application/cloudevents+json; charset=utf-8"
        read = JSONFormat().read(ReferenceEvent, content.body)
        body = json.loads(content.body)
        assert (read.get_id(), read.get_source()) == (body["id"], body["source"])
        SCHEMA.validate(body)
        self.bodies.append(body)

    @property
    def types(self) -> list[str]:
        """Return the types without their common prefix."""
        return [body["type"].removeprefix("dev.vigil.") for body in self.bodies]


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch) -> Sink:
    made = Sink()
    monkeypatch.setattr(CHANNELS[ChannelName.WEBHOOK], "send", made.send, raising=False)
    return made


@pytest.fixture
def stream(anna: Party) -> Subscription:
    """Anna's event stream."""
    return subscribe(anna, name="Events", format="cloudevents")


def _deliver_all() -> None:
    turn.turn(lambda message_id: message_deliver(message_id=message_id))


def _report(camera: Camera, phase: str, reason: str, **changes: Any) -> None:
    fields = {"phase": phase, "reason": reason, "reported_at": timezone.now(), **changes}
    CameraHealth.objects.update_or_create(camera=camera, defaults=fields)


def test_new_alert_is_an_event_with_all_attributes(
    detector: Party, camera: Camera, stream: Subscription, sink: Sink, settings: Any
) -> None:
    settings.VIGIL_PUBLIC_URL = "https://vigil.example"
    alert_id = send(detector, camera, zone="door").json()["id"]
    _deliver_all()
    (body,) = sink.bodies
    event = StreamEvent.objects.get()
    assert {name: value for name, value in body.items() if name != "data"} == {
        "specversion": "1.0",
        "id": str(event.id),
        "source": f"https://vigil.example/api/cameras/{camera.pk}/",
        "type": "dev.vigil.alert.created",
        "subject": f"alerts/{alert_id}",
        "time": event.recorded_at.isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "partitionkey": str(camera.pk),
        "sequence": f"{event.pk:019d}",
    }
    assert body["data"]["zone"] == "door"
    assert body["data"]["url"] == f"https://vigil.example/dashboard/alerts/{alert_id}/"
    assert (body["data"]["acknowledged"], body["data"]["changed_by"]) == (False, None)
    assert not OutboxEntry.objects.exists()


def test_each_change_of_an_alert_is_one_event_with_its_user(
    anna: Party, detector: Party, camera: Camera, stream: Subscription, sink: Sink
) -> None:
    path = f"/api/alerts/{send(detector, camera).json()['id']}/"
    for action in ("acknowledge", "acknowledge", "false-positive", "resolve", "resolve"):
        assert anna.client.post(f"{path}{action}/").status_code == 200
    assert anna.client.delete(f"{path}false-positive/").status_code == 200
    _deliver_all()
    assert sink.types == [
        "alert.created",
        "alert.acknowledged",
        "alert.marked_false_positive",
        "alert.resolved",
        "alert.unmarked_false_positive",
    ]
    assert [body["data"]["changed_by"] for body in sink.bodies] == [None, *["anna"] * 4]
    states = [(body["data"]["acknowledged"], body["data"]["is_false_positive"]) for body in sink.bodies]
    assert states == [(False, False), (True, False), (True, True), (True, True), (True, False)]
    assert len({body["id"] for body in sink.bodies}) == 5
    sequence = [body["sequence"] for body in sink.bodies]
    assert sequence == sorted(sequence)


def test_event_is_the_same_in_every_attempt_and_the_next_one_waits(
    anna: Party, detector: Party, camera: Camera, stream: Subscription, sink: Sink
) -> None:
    alert_id = send(detector, camera).json()["id"]
    sink.errors = [DeliveryError("the receiver answered 503", retry_after_seconds=7200)]
    _deliver_all()
    first = Message.objects.get()
    assert first.next_attempt_at < timezone.now() + timedelta(minutes=2)
    anna.client.post(f"/api/alerts/{alert_id}/acknowledge/")
    Subscription.objects.update(paused_until=None)
    assert due_messages(now=timezone.now(), limit=9) == []
    Message.objects.filter(pk=first.pk).update(next_attempt_at=timezone.now())
    assert due_messages(now=timezone.now(), limit=9) == [first.pk]
    second = Message.objects.exclude(pk=first.pk).get()
    assert message_deliver(message_id=second.pk) is None
    assert message_deliver(message_id=first.pk) == "sent"  # and the one that follows
    assert sink.types == ["alert.created", "alert.acknowledged"]
    assert sink.bodies[0]["data"]["acknowledged"] is False
    assert sink.bodies[0]["id"] == str(StreamEvent.objects.order_by("pk")[0].id)


def test_two_receivers_get_the_same_event_and_messages_stay_as_they_were(
    anna: Party, root: Party, detector: Party, camera: Camera, stream: Subscription, sink: Sink
) -> None:
    subscribe(root, name="All", format="cloudevents")
    plain = subscribe(anna)
    send(detector, camera)
    assert Message.objects.count() == 2
    assert OutboxEntry.objects.get().subscription == plain
    Subscription.objects.filter(pk=plain.pk).delete()
    _deliver_all()
    assert len({body["id"] for body in sink.bodies}) == 1
    assert len(sink.bodies) == 2


def test_filters_apply_to_later_events_like_to_the_first(
    anna: Party, detector: Party, camera: Camera, sink: Sink
) -> None:
    day = f"{timezone.now() + timedelta(days=3):%a}".lower()
    never = {"time_zone": "UTC", "windows": [{"days": [day], "start": "10:00", "end": "11:00"}]}
    subscribe(anna, name="Fire", format="cloudevents", alert_types=["fire"])
    subscribe(anna, name="Sure", format="cloudevents", minimum_confidence=0.99)
    subscribe(anna, name="Never", format="cloudevents", schedule=never)
    path = f"/api/alerts/{send(detector, camera).json()['id']}/"
    anna.client.post(f"{path}acknowledge/")
    assert StreamEvent.objects.count() == 0


def test_user_without_access_gets_no_event(
    detector: Party, camera: Camera, ben: Party, viewer: Party, anna: Party, sink: Sink
) -> None:
    for party in (ben, viewer):
        subscribe(party, name="Events", format="cloudevents")
    anna.client.post(f"/api/alerts/{send(detector, camera).json()['id']}/acknowledge/")
    assert set(Message.objects.values_list("subscription__user__username", flat=True)) == {"viewer"}
    Membership.objects.filter(user=viewer.user).delete()
    _deliver_all()
    assert sink.bodies == []
    assert set(Message.objects.values_list("state", flat=True)) == {"dropped"}


def test_deleted_alert_is_not_sent(detector: Party, camera: Camera, stream: Subscription, sink: Sink) -> None:
    send(detector, camera)
    Alert.objects.all().delete()
    _deliver_all()
    assert (sink.bodies, Message.objects.get().state, StreamEvent.objects.count()) == ([], "dropped", 0)


def test_outage_is_reported_once_with_its_reason_and_end(
    detector: Party, camera: Camera, stream: Subscription, sink: Sink
) -> None:
    _report(camera, "Degraded", "StreamTimeout")
    send(detector, camera, alert_type="camera_offline", event_id="outage-1", description="No frame for 30 s.")
    _deliver_all()
    assert sink.types == ["alert.created", "camera.offline"]
    data = sink.bodies[1]["data"]
    assert (data["phase"], data["reason"], data["message"]) == ("Degraded", "StreamTimeout", "No frame for 30 s.")
    _report(camera, "Streaming", "Streaming", reported_at=timezone.now() - timedelta(minutes=1))
    _deliver_all()  # an earlier report proves nothing
    assert CameraOutage.objects.exists()
    _report(camera, "Streaming", "Streaming")
    Alert.objects.update(resolved=True)  # by hand: the camera's events do not depend on it
    for _ in range(2):
        _deliver_all()
    assert sink.types[2:] == ["camera.online"]
    assert sink.bodies[2]["data"]["since"] == data["since"]
    assert sink.bodies[2]["data"]["reason"] == "Streaming"


def test_camera_without_detector_goes_offline_and_is_deactivated(
    anna: Party, camera: Camera, stream: Subscription, sink: Sink
) -> None:
    Camera.objects.update(activated_at=timezone.now() - timedelta(hours=1))
    offline_alerts_update(now=timezone.now())
    _deliver_all()
    assert sink.types == ["alert.created", "camera.offline"]
    assert sink.bodies[1]["data"]["reason"] == "DetectorNotReporting"
    anna.client.post(f"/api/cameras/{camera.pk}/deactivate/")
    _deliver_all()
    assert sink.types[2:] == ["camera.deactivated"]
    assert sink.bodies[2]["data"]["phase"] == "Inactive"


def test_test_message_is_an_event_too(anna: Party, stream: Subscription, sink: Sink) -> None:
    made = anna.client.post(f"/api/notifications/{stream.pk}/test/").json()
    _deliver_all()
    (body,) = sink.bodies
    assert (body["type"], body["id"], body["data"]) == ("dev.vigil.test", made["id"], {"subscription": "Events"})


def test_messages_name_their_event(anna: Party, detector: Party, camera: Camera, stream: Subscription) -> None:
    alert_id = send(detector, camera).json()["id"]
    (shown,) = anna.client.get(f"/api/notifications/{stream.pk}/messages/").json()["results"]
    assert (shown["kind"], shown["event"], shown["alerts"]) == ("event", "dev.vigil.alert.created", [alert_id])


def test_changes_cost_one_query_without_a_stream(
    anna: Party,
    detector: Party,
    camera: Camera,
    django_assert_num_queries: Callable[..., Any],
) -> None:
    send(detector, camera)
    with django_assert_num_queries(1):
        ids = list(range(1000))
        assert not alerts_changed_record(alert_ids=ids, change=AlertChange.RESOLVED, user=None, now=timezone.now())


def test_old_events_are_deleted_with_their_messages(
    detector: Party, camera: Camera, stream: Subscription, sink: Sink
) -> None:
    send(detector, camera)
    _deliver_all()
    messages_delete_old(now=timezone.now() + KEPT - timedelta(days=1))
    assert StreamEvent.objects.count() == 1
    messages_delete_old(now=timezone.now() + KEPT + timedelta(days=1))
    assert (StreamEvent.objects.count(), Message.objects.count()) == (0, 0)


def test_committed_schema_is_current() -> None:
    committed = json.loads((ROOT / "docs/events.schema.json").read_text())
    assert committed == event_schema(), "run `make schema` and commit docs/events.schema.json"
