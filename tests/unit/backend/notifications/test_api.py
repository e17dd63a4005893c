"""Subscriptions through the API: accepted and rejected input, error messages, and masked responses."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.db import connection
from tests.unit.backend.conftest import WEBHOOK, Party

from surveillance.models import Camera
from vigil_apps.notifications.models import Message, Subscription
from vigil_apps.sites.models import Site

PATH = "/api/notifications/"


def _push_target() -> dict[str, Any]:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    keys = {"p256dh": base64.urlsafe_b64encode(point).decode(), "auth": base64.urlsafe_b64encode(b"0" * 16).decode()}
    return {"endpoint": "https://push.example/send/s3cret", "keys": keys}


def test_webhook_is_created_masked_changed_and_deleted(anna: Party) -> None:
    made = anna.client.post(PATH, WEBHOOK)
    assert made.status_code == 201, made.content
    body = made.json()
    assert body["secret"].startswith("whsec_")
    assert made.headers["Cache-Control"] == "no-store"
    shown = body["subscription"]
    assert shown["target"] == {"url": "https://hooks.example/***"}
    assert (shown["messages_per_hour"], shown["digest_minutes"], shown["is_active"]) == (60, 0, True)
    assert shown["alert_types"] == shown["cameras"] == shown["sites"] == []

    path = f"{PATH}{shown['id']}/"
    assert anna.client.get(path).json() == shown
    assert anna.client.get(PATH).json()["results"] == [shown]
    before = Subscription.objects.get().target
    changed = anna.client.patch(path, {**shown, "alert_types": ["person"], "minimum_confidence": 0.5})
    assert changed.status_code == 200, changed.content
    assert (changed.json()["alert_types"], changed.json()["minimum_confidence"]) == (["person"], 0.5)
    assert Subscription.objects.get().target == before
    moved = anna.client.patch(path, {"target": {"url": "https://other.example/x"}})
    assert moved.json()["target"] == {"url": "https://other.example/***"}
    assert json.loads(Subscription.objects.get().target)["secret"] == json.loads(before)["secret"]
    assert anna.client.delete(path).status_code == 204
    assert anna.client.get(path).status_code == 404


def test_target_is_encrypted_at_rest(anna: Party) -> None:
    anna.client.post(PATH, WEBHOOK)
    with connection.cursor() as cursor:
        cursor.execute("SELECT target FROM notifications_subscription")
        (stored,) = cursor.fetchone()
    assert "hooks.example" not in stored


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"name": " "}, "name", "must not be blank"),
        ({"channel": "pigeon"}, "channel", "'webhook', 'email', 'mqtt', 'web_push', 'apprise' or 'kafka'"),
        ({"target": "x"}, "target", "valid dictionary"),
        ({"target": {}}, "target.url", "Field required"),
        ({"target": {"url": "ftp://h/x"}}, "target.url", "must begin with https:// or http://"),
        ({"target": {"url": "https://127.0.0.1/x"}}, "target.url", "VIGIL_NOTIFY_NETWORKS"),
        ({"target": {"url": "https://192.168.1.5/x"}}, "target.url", "VIGIL_NOTIFY_NETWORKS"),
        ({"target": {"url": "http://169.254.169.254/latest"}}, "target.url", "VIGIL_NOTIFY_NETWORKS"),
        ({"target": {"url": "https://[::ffff:10.0.0.1]/"}}, "target.url", "VIGIL_NOTIFY_NETWORKS"),
        ({"target": {"url": "https://localhost/"}}, "target.url", "VIGIL_NOTIFY_NETWORKS"),
        (
            {"target": {"url": "https://b\u2260cher.example/"}},
            "target.url",
            "must name a host that exists in the DNS",
        ),
        ({"target": {"url": "https://h/", "secret": "short"}}, "target.secret", "whsec_ and 24 to 64 bytes"),
        ({"target": {"url": "https://h/", "header": "x"}}, "target.header", "Extra inputs are not permitted"),
        ({"alert_types": ["ghost"]}, "alert_types.0", "Input should be 'person'"),
        ({"cameras": [0]}, "cameras.0", "greater than or equal to 1"),
        ({"cameras": [4711]}, "cameras", "must be ids of cameras that you see; there is no 4711"),
        ({"sites": [4711]}, "sites", "must be ids of sites that you see; there is no 4711"),
        ({"minimum_confidence": 2}, "minimum_confidence", "less than or equal to 1"),
        ({"schedule": {"time_zone": "Mars/Base", "windows": []}}, "schedule.time_zone", "must be a time zone"),
        ({"messages_per_hour": 0}, "messages_per_hour", "greater than or equal to 1"),
        ({"digest_minutes": 9999}, "digest_minutes", "less than or equal to 1440"),
        ({"colour": "red"}, "colour", "Extra inputs are not permitted"),
        ({"channel": "email", "target": {"address": "a@b.example"}}, "channel", "VIGIL_EMAIL_HOST"),
        ({"channel": "web_push", "target": _push_target()}, "channel", "VIGIL_VAPID_KEY_FILE"),
        (
            {"channel": "mqtt", "target": {"url": "mqtt://h", "topic": "a/#"}},
            "target.topic",
            "without +, # and a $ at its beginning",
        ),
        (
            {"channel": "mqtt", "target": {"url": "mqtt://h/topic", "topic": "a"}},
            "target.url",
            "enter the topic in its own field",
        ),
    ],
)
def test_invalid_fields_are_named(anna: Party, change: dict[str, Any], field: str, words: str) -> None:
    answer = anna.client.post(PATH, {**WEBHOOK, **change})
    assert answer.status_code == 400
    assert words in " ".join(answer.json()[field]), answer.json()
    assert not Subscription.objects.exists()


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"target": {"url": "mqtt://h", "topic": "a"}}, "target.url", "must begin with kafkas:// or kafka://"),
        ({"target": {"url": "kafka://h/topic", "topic": "a"}}, "target.url", "enter the topic in its own field"),
        ({"target": {"url": "kafka://b1,127.0.0.1:9092", "topic": "a"}}, "target.url", "VIGIL_NOTIFY_NETWORKS"),
        ({"target": {"url": "kafka://b1,,b2", "topic": "a"}}, "target.url", "must name a host"),
        ({"target": {"url": "kafkas://anna@h", "topic": "a"}}, "target.url", "a user and a password, or neither"),
        ({"target": {"url": "kafkas://h", "topic": "a b"}}, "target.topic", "letters, digits, dots, underscores"),
        ({"target": {"url": "kafkas://h", "topic": "a", "sasl_mechanism": "x"}}, "target.sasl_mechanism", "PLAIN"),
        ({"format": "vigil"}, "format", "must be cloudevents for this channel"),
        ({"format": "cloudevents", "digest_minutes": 5}, "digest_minutes", "must be 0 for CloudEvents"),
        ({"channel": "apprise", "format": "cloudevents"}, "format", "must be vigil for this channel"),
    ],
)
def test_invalid_kafka_targets_and_formats_are_named(
    anna: Party, change: dict[str, Any], field: str, words: str
) -> None:
    body = {"name": "Kafka", "channel": "kafka", "target": {"url": "kafkas://h", "topic": "vigil.events"}}
    answer = anna.client.post(PATH, {**body, **change})
    assert answer.status_code == 400
    assert words in " ".join(answer.json()[field]), answer.json()
    assert not Subscription.objects.exists()


def test_kafka_is_created_masked_and_keeps_its_format(anna: Party) -> None:
    target = {"url": "kafkas://anna:s3cret@b1.example:9093,b2.example:9093", "topic": "vigil.events"}
    made = anna.client.post(PATH, {"name": "Events", "channel": "kafka", "target": target})
    assert made.status_code == 201, made.content
    shown = made.json()["subscription"]
    masked = {"url": "kafkas://***@b1.example:9093,b2.example:9093", "topic": "vigil.events"}
    assert shown["target"] == {**masked, "sasl_mechanism": "SCRAM-SHA-512"}
    assert (shown["format"], shown["messages_per_hour"], shown["digest_minutes"]) == ("cloudevents", None, 0)
    path = f"{PATH}{shown['id']}/"
    assert anna.client.patch(path, {"target": {**masked, "topic": "other"}}).status_code == 200
    stored = json.loads(Subscription.objects.get().target)
    assert (stored["url"], stored["topic"]) == (target["url"], "other")
    moved = anna.client.patch(path, {"target": {"url": "kafkas://***@evil.example", "topic": "other"}})
    assert moved.json() == {"target.url": ["contains ***; enter it in full"]}
    answer = anna.client.patch(path, {"format": "vigil"})
    assert answer.json() == {"format": ["cannot be changed; make another subscription"]}


def test_email_address_is_validated(anna: Party, settings: Any) -> None:
    settings.EMAIL_HOST = "relay.example"
    body = {**WEBHOOK, "channel": "email", "target": {"address": "anna@example.org, ben@example.org"}}
    answer = anna.client.post(PATH, body)
    assert answer.json() == {"target.address": ["must be one e-mail address, as in anna@example.org"]}
    good = anna.client.post(PATH, {**body, "target": {"address": "anna@example.org"}})
    assert good.json()["subscription"]["target"] == {"address": "anna@example.org"}
    assert good.json()["secret"] == ""


def test_inaccessible_cameras_and_sites_are_rejected(anna: Party, ben: Party, camera: Camera, site: Site) -> None:
    for field, value in (("cameras", camera.pk), ("sites", site.pk)):
        answer = ben.client.post(PATH, {**WEBHOOK, field: [value]})
        assert f"there is no {value}" in answer.json()[field][0]
        assert anna.client.post(PATH, {**WEBHOOK, "name": field, field: [value]}).status_code == 201


def test_deleted_camera_does_not_prevent_changes(anna: Party, camera: Camera) -> None:
    made = anna.client.post(PATH, {**WEBHOOK, "cameras": [camera.pk]}).json()["subscription"]
    camera.delete()
    path = f"{PATH}{made['id']}/"
    assert anna.client.patch(path, {"is_active": False}).json()["cameras"] == made["cameras"]
    assert anna.client.patch(path, {"cameras": made["cameras"]}).status_code == 400


def test_name_is_unique_per_user(anna: Party, ben: Party) -> None:
    for party in (anna, ben):
        assert party.client.post(PATH, WEBHOOK).status_code == 201
    answer = anna.client.post(PATH, WEBHOOK)
    assert (answer.status_code, answer.json()) == (400, {"name": ["You have a subscription with this name already."]})


def test_channel_cannot_be_changed(anna: Party) -> None:
    made = anna.client.post(PATH, WEBHOOK).json()["subscription"]
    answer = anna.client.patch(f"{PATH}{made['id']}/", {"channel": "mqtt"})
    assert answer.json() == {"channel": ["cannot be changed; make another subscription"]}


def test_altered_mask_is_rejected(anna: Party) -> None:
    made = anna.client.post(PATH, WEBHOOK).json()["subscription"]
    answer = anna.client.patch(f"{PATH}{made['id']}/", {"target": {"url": "https://evil.example/***"}})
    assert answer.json() == {"target.url": ["contains ***; enter it in full"]}


def test_changing_the_topic_keeps_the_password(anna: Party) -> None:
    target = {"url": "mqtts://anna:s3cret@broker.example:8883", "topic": "vigil"}
    made = anna.client.post(PATH, {**WEBHOOK, "channel": "mqtt", "target": target}).json()["subscription"]
    assert made["target"] == {"url": "mqtts://***@broker.example:8883", "topic": "vigil"}
    answer = anna.client.patch(f"{PATH}{made['id']}/", {"target": {**made["target"], "topic": "yard"}})
    assert answer.status_code == 200, answer.content
    assert json.loads(Subscription.objects.get().target) == {**target, "topic": "yard"}


def test_browser_that_subscribes_again_updates_its_subscription(anna: Party, settings: Any) -> None:
    settings.VIGIL_VAPID_KEY = base64.urlsafe_b64encode(b"\x01" * 32).decode()
    channels = {channel["name"]: channel for channel in anna.client.get(f"{PATH}channels/").json()}
    assert len(base64.urlsafe_b64decode(channels["web_push"]["public_key"] + "=")) == 65
    target = _push_target()
    first = anna.client.post(f"{PATH}web-push/", {**target, "expirationTime": None})
    assert first.status_code == 201, first.content
    assert first.json()["target"] == {"endpoint": "https://push.example/***", "keys": "***"}
    Subscription.objects.update(is_active=False)
    again = anna.client.post(f"{PATH}web-push/", {**target, "name": "Phone"})
    assert (again.status_code, again.json()["name"], again.json()["is_active"]) == (200, "Phone", True)
    assert again.json()["id"] == first.json()["id"]
    bad = anna.client.post(f"{PATH}web-push/", {**target, "keys": {"p256dh": "AAAA", "auth": "AAAA"}})
    assert set(bad.json()) == {"target.keys.p256dh", "target.keys.auth"}


def test_unavailable_channels_give_the_reason(anna: Party) -> None:
    channels = {channel["name"]: channel for channel in anna.client.get(f"{PATH}channels/").json()}
    assert [name for name, channel in channels.items() if channel["is_available"]] == [
        "webhook",
        "mqtt",
        "apprise",
        "kafka",
    ]
    assert "VIGIL_EMAIL_HOST" in channels["email"]["problem"]
    assert set(channels["webhook"]["target"]["properties"]) == {"url", "secret"}


def test_test_message_is_queued(anna: Party, subscription: Subscription) -> None:
    answer = anna.client.post(f"{PATH}{subscription.pk}/test/")
    assert answer.status_code == 202
    body = answer.json()
    assert (body["kind"], body["state"], body["attempts"], body["alerts"]) == ("test", "pending", 0, [])
    assert anna.client.get(f"{PATH}{subscription.pk}/messages/{body['id']}/").json() == body
    assert anna.client.get(f"{PATH}{subscription.pk}/messages/").json()["results"] == [body]
    assert Message.objects.count() == 1
