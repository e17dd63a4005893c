"""From an alert to a confirmed or abandoned message, with a simulated receiver."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks
from tests.unit.backend.conftest import Party, alert_fields, send
from tests.unit.backend.notifications.conftest import subscribe

from surveillance.models import Alert, Camera
from surveillance.services.offline import _make
from vigil_apps.notifications import dispatch, sender, turn
from vigil_apps.notifications.channels import CHANNELS, DeliveryError
from vigil_apps.notifications.core.message import Content
from vigil_apps.notifications.core.names import ChannelName, MessageState
from vigil_apps.notifications.models import Message, OutboxEntry, Subscription
from vigil_apps.notifications.selectors import outbox_pending
from vigil_apps.notifications.services.delivery import LEASE, message_claim, message_deliver, messages_delete_old
from vigil_apps.notifications.services.planning import messages_plan
from vigil_apps.sites.models import Membership, Site


@dataclass
class Receiver:
    """Replaces the webhook channel; raises `errors` one after the other."""

    errors: list[Exception] = field(default_factory=list)
    got: list[Content] = field(default_factory=list)

    def send(self, _target: Any, content: Content) -> None:
        """Confirms unless an error is due."""
        if self.errors:
            raise self.errors.pop(0)
        self.got.append(content)


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Receiver:
    made = Receiver()
    monkeypatch.setattr(CHANNELS[ChannelName.WEBHOOK], "send", made.send, raising=False)
    return made


def _deliver_all() -> None:
    turn.turn(lambda message_id: message_deliver(message_id=message_id))


def _message() -> Message:
    return Message.objects.get()


def _due_now() -> None:
    Message.objects.update(next_attempt_at=timezone.now())
    Subscription.objects.update(paused_until=None)


def test_alert_is_delivered_with_all_its_fields(
    detector: Party, camera: Camera, subscription: Subscription, receiver: Receiver, settings: Any
) -> None:
    settings.VIGIL_PUBLIC_URL = "https://vigil.example"
    answer = send(detector, camera, zone="door", description="With a hat")
    _deliver_all()
    (content,) = receiver.got
    (alert,) = content.alerts
    assert (alert.id, alert.camera, alert.camera_name) == (answer.json()["id"], camera.pk, "Gate")
    assert alert.url == f"https://vigil.example/dashboard/alerts/{alert.id}/"
    assert content.title == "Vigil: Person at Gate, zone door"
    assert content.text.startswith("2026-11-23 12:00:00 UTC: Person at Gate, zone door (87% sure). With a hat")
    assert content.as_json()["alerts"][0]["timestamp"] == "2026-11-23T12:00:00Z"
    message = _message()
    assert (message.state, message.attempts, message.reason, content.id) == ("sent", 1, "", message.pk)
    assert message.settled_at is not None
    _deliver_all()
    assert len(receiver.got) == 1
    assert outbox_pending() == 0


def test_repeated_alert_is_notified_once(
    detector: Party, camera: Camera, subscription: Subscription, receiver: Receiver
) -> None:
    assert [send(detector, camera).status_code for _ in range(2)] == [201, 200]
    _deliver_all()
    assert len(receiver.got) == 1


def test_outbox_entry_is_rolled_back_with_the_alert(
    camera: Camera, subscription: Subscription, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {**alert_fields(camera), "camera": camera, "box": None, "confidence": 0.9, "timestamp": timezone.now()}
    with transaction.atomic():
        Alert.objects.create(**fields)
        assert OutboxEntry.objects.count() == 1
        transaction.set_rollback(True)
    assert (Alert.objects.count(), OutboxEntry.objects.count()) == (0, 0)


def test_camera_without_detector_is_notified(camera: Camera, subscription: Subscription, receiver: Receiver) -> None:
    assert _make(camera, timezone.now()) == 1
    _deliver_all()
    assert receiver.got[0].title == "Vigil: Camera offline at Gate"


def test_storing_an_alert_wakes_the_sender_with_few_queries(
    camera: Camera,
    subscription: Subscription,
    detector: Party,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    dispatch.wake.clear()
    with django_capture_on_commit_callbacks(execute=True):
        send(detector, camera)
    assert dispatch.wake.is_set()


def test_user_without_access_is_not_notified(
    detector: Party, camera: Camera, anna: Party, ben: Party, root: Party, viewer: Party, receiver: Receiver
) -> None:
    for party in (anna, ben, root, viewer):
        subscribe(party)
    send(detector, camera)
    told = set(OutboxEntry.objects.values_list("subscription__user__username", flat=True))
    assert told == {"anna", "root", "viewer"}


def test_user_who_lost_access_is_not_notified(
    detector: Party, camera: Camera, site: Site, viewer: Party, receiver: Receiver
) -> None:
    subscribe(viewer)
    send(detector, camera)
    Membership.objects.filter(user=viewer.user).delete()
    _deliver_all()
    assert receiver.got == []
    assert (_message().state, _message().reason) == (
        "dropped",
        "its alerts are gone, or not yours to see any more",
    )


@pytest.mark.parametrize("change", [{"is_active": False}, {"user_is_active": False}, {"alert": "deleted"}])
def test_inactive_or_deleted_subscriptions_are_not_sent(
    detector: Party, camera: Camera, subscription: Subscription, receiver: Receiver, change: dict[str, Any]
) -> None:
    send(detector, camera)
    messages_plan(now=timezone.now())
    if "is_active" in change:
        Subscription.objects.update(is_active=False)
    elif "alert" in change:
        Alert.objects.all().delete()
    else:
        User.objects.filter(pk=subscription.user_id).update(is_active=False)
    _deliver_all()
    assert (receiver.got, _message().state) == ([], "dropped")


def test_failed_message_is_retried_with_the_same_id(
    detector: Party, camera: Camera, subscription: Subscription, receiver: Receiver
) -> None:
    receiver.errors = [DeliveryError("the receiver answered 503")]
    send(detector, camera)
    _deliver_all()
    message = _message()
    assert (message.state, message.attempts, message.reason) == ("pending", 1, "the receiver answered 503")
    assert message.next_attempt_at > timezone.now()
    subscription.refresh_from_db()
    assert subscription.paused_until is not None
    _deliver_all()
    assert receiver.got == []
    _due_now()
    _deliver_all()
    assert (receiver.got[0].id, _message().state, _message().attempts) == (message.pk, "sent", 2)
    subscription.refresh_from_db()
    assert subscription.paused_until is None


def test_retry_after_is_respected(
    detector: Party, camera: Camera, subscription: Subscription, receiver: Receiver
) -> None:
    receiver.errors = [DeliveryError("the receiver answered 429", retry_after_seconds=1800)]
    send(detector, camera)
    _deliver_all()
    assert _message().next_attempt_at > timezone.now() + timedelta(seconds=1700)


def test_message_is_abandoned_after_the_deadline_with_the_reason(
    detector: Party, camera: Camera, subscription: Subscription, receiver: Receiver, anna: Party
) -> None:
    receiver.errors = [DeliveryError("the receiver answered 500")]
    send(detector, camera)
    messages_plan(now=timezone.now())
    Message.objects.update(created_at=timezone.now() - timedelta(hours=25))
    _deliver_all()
    assert (_message().state, _message().reason) == ("failed", "the receiver answered 500")
    shown = anna.client.get(f"/api/notifications/{subscription.pk}/messages/").json()["results"][0]
    assert (shown["state"], shown["reason"]) == ("failed", "the receiver answered 500")


def test_gone_receiver_disables_the_subscription(
    detector: Party, camera: Camera, subscription: Subscription, receiver: Receiver
) -> None:
    receiver.errors = [DeliveryError("the browser has ended its subscription", is_gone=True)]
    send(detector, camera)
    _deliver_all()
    subscription.refresh_from_db()
    assert (_message().state, subscription.is_active) == ("failed", False)


def test_channel_error_is_retried_and_hides_secrets(
    detector: Party, camera: Camera, subscription: Subscription, receiver: Receiver
) -> None:
    receiver.errors = [RuntimeError("https://hooks.example/4f1c")]
    send(detector, camera)
    _deliver_all()
    assert (_message().state, _message().reason) == ("pending", "the channel failed (RuntimeError)")


def test_failing_receiver_does_not_delay_others(
    detector: Party, camera: Camera, anna: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, good = subscribe(anna), subscribe(anna, name="Good", target={"url": "https://good.example/x"})
    asked: list[int] = []

    def answer(_target: Any, content: Content) -> None:
        asked.append(content.subscription_id)
        if content.subscription_id == broken.pk:
            raise DeliveryError("the receiver did not answer in time")

    monkeypatch.setattr(CHANNELS[ChannelName.WEBHOOK], "send", answer, raising=False)
    for number in range(3):
        send(detector, camera, event_id=f"event-000{number}")
    _deliver_all()
    assert asked.count(broken.pk) == 1
    assert asked.count(good.pk) == 3


def test_claim_is_exclusive_until_its_lease_expires(
    camera: Camera, subscription: Subscription, detector: Party
) -> None:
    send(detector, camera)
    now = timezone.now()
    (message_id,) = messages_plan(now=now)
    assert message_claim(message_id=message_id, now=now) is not None
    assert message_claim(message_id=message_id, now=now + LEASE / 2) is None
    taken_over = message_claim(message_id=message_id, now=now + LEASE * 1.01)
    assert taken_over is not None
    assert taken_over.attempt == 2


def test_late_confirmation_counts_after_another_claim(
    camera: Camera, subscription: Subscription, detector: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(_target: Any, content: Content) -> None:
        assert message_claim(message_id=content.id, now=timezone.now() + LEASE * 1.01) is not None

    monkeypatch.setattr(CHANNELS[ChannelName.WEBHOOK], "send", slow, raising=False)
    send(detector, camera)
    (message_id,) = messages_plan(now=timezone.now())
    assert message_deliver(message_id=message_id) == MessageState.SENT
    assert message_claim(message_id=message_id, now=timezone.now() + LEASE * 3) is None


def test_alerts_beyond_the_limit_are_combined(
    detector: Party, camera: Camera, anna: Party, receiver: Receiver
) -> None:
    subscribe(anna, messages_per_hour=2)
    for number in range(5):
        send(detector, camera, event_id=f"event-000{number}")
    _deliver_all()
    assert [len(content.alerts) for content in receiver.got] == [1, 4]
    assert receiver.got[1].title == "Vigil: 4 alerts at Gate"
    send(detector, camera, event_id="event-0009")
    _deliver_all()
    assert len(receiver.got) == 2
    assert outbox_pending() == 1
    Message.objects.update(created_at=timezone.now() - timedelta(hours=2))
    _deliver_all()
    assert [len(content.alerts) for content in receiver.got] == [1, 4, 1]


def test_digest_combines_waiting_alerts(detector: Party, camera: Camera, anna: Party, receiver: Receiver) -> None:
    subscribe(anna, digest_minutes=10)
    for number in range(3):
        send(detector, camera, event_id=f"event-000{number}")
    _deliver_all()
    assert receiver.got == []
    OutboxEntry.objects.update(created_at=timezone.now() - timedelta(minutes=10))
    _deliver_all()
    assert [len(content.alerts) for content in receiver.got] == [3]


def test_test_message_is_sent_for_an_inactive_subscription(
    anna: Party, subscription: Subscription, receiver: Receiver
) -> None:
    Subscription.objects.update(is_active=False, paused_until=timezone.now() + timedelta(hours=1))
    answer = anna.client.post(f"/api/notifications/{subscription.pk}/test/")
    message_deliver(message_id=UUID(answer.json()["id"]))
    assert receiver.got[0].title == "Vigil: this is a test"
    assert anna.client.get(f"/api/notifications/{subscription.pk}/messages/").json()["results"][0]["state"] == "sent"


def test_old_messages_are_deleted(
    detector: Party, camera: Camera, subscription: Subscription, receiver: Receiver
) -> None:
    send(detector, camera)
    _deliver_all()
    assert messages_delete_old(now=timezone.now() + timedelta(days=29)) == 0
    assert messages_delete_old(now=timezone.now() + timedelta(days=31)) == 2
    assert Alert.objects.count() == 1


def test_target_secret_never_leaks(
    anna: Party,
    root: Party,
    camera: Camera,
    detector: Party,
    make_user: Callable[..., User],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    mark = "zZmarkedZz"
    made = [
        ("webhook", {"url": f"https://{mark}:{mark}@hooks.example/{mark}?{mark}={mark}"}),
        ("mqtt", {"url": f"mqtts://{mark}:{mark}@broker.example", "topic": "vigil"}),
        ("kafka", {"url": f"kafkas://{mark}:{mark}@broker.example:9093", "topic": "vigil"}),
    ]
    texts = []
    for channel, target in made:
        body = {"name": channel, "channel": channel, "target": target}
        texts.append(anna.client.post("/api/notifications/", body).content.decode())
        texts.append(
            anna.client.post(
                "/api/notifications/", {**body, "alert_types": [mark * 2], "name": mark * 40}
            ).content.decode()
        )
        texts.append(
            anna.client.post(
                "/api/notifications/", {**body, "target": {**target, "url": f"x{target['url']}"}}
            ).content.decode()
        )
    send(detector, camera)
    _deliver_all()  # neither host exists, so sending fails with its own message
    texts.append(anna.client.get("/api/notifications/").content.decode())
    for subscription in Subscription.objects.all():
        path = f"/api/notifications/{subscription.pk}/"
        texts += [anna.client.get(url).content.decode() for url in (path, f"{path}messages/")]
        texts.append(
            anna.client.patch(path, {"target": {"url": f"https://{mark}@other.example/{mark}"}}).content.decode()
        )
    texts.append(root.client.get("/api/audit/?kind=subscription").content.decode())
    browser = Client()
    browser.force_login(root.user)
    for model in ("subscription", "message"):
        texts.append(browser.get(f"/admin/notifications/{model}/").content.decode())
    pk = Subscription.objects.values_list("pk", flat=True)[0]
    for page in ("change", "delete", "history"):
        answer = browser.get(f"/admin/notifications/subscription/{pk}/{page}/")
        assert answer.status_code == 200
        texts.append(answer.content.decode())
    texts.append(caplog.text)
    assert "hooks.example" in "".join(texts)
    for text in texts:
        assert mark not in text.replace(mark * 40, ""), text[:2000]


def test_idle_turn_is_three_queries(anna: Party, django_assert_num_queries: Any) -> None:
    subscribe(anna)
    with django_assert_num_queries(3):
        assert turn.turn(lambda _: None) == 0


def test_embedded_sender_deletes_old_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    deleted = []
    monkeypatch.setattr(sender, "close_old_connections", lambda: None)
    monkeypatch.setattr(sender, "turn", lambda _: 0)
    monkeypatch.setattr(sender, "messages_delete_old", lambda now: deleted.append(now))
    thread = sender.Sender(lambda _: None)
    for _ in range(3):
        thread.turn()
    thread.stop()
    assert len(deleted) == 1
