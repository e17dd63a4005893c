"""Each channel against a real server: HTTP, mail, MQTT, Web Push, Apprise."""

import base64
import email
import email.policy
import io
import ipaddress
import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope
from cloudevents.core.bindings.http import HTTPMessage, from_structured_event
from cloudevents.core.formats.json import JSONFormat
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from paho.mqtt.enums import CallbackAPIVersion
from PIL import Image
from standardwebhooks import Webhook as Verifier
from tests.cluster.certificates import CertificateAuthority
from tests.cluster.polling import eventually
from tests.cluster.processes import free_ports
from tests.integration.notifications.conftest import content, sample
from tests.integration.services.http_receiver import Receiver, http_receiver
from tests.integration.services.mosquitto import PASSWORD, USER, MosquittoServer, mosquitto_server

from surveillance import images
from vigil_apps.notifications.channels import CHANNELS, DeliveryError
from vigil_apps.notifications.channels.apprise import AppriseTarget
from vigil_apps.notifications.channels.email import EmailTarget
from vigil_apps.notifications.channels.mqtt import MqttTarget
from vigil_apps.notifications.channels.web_push import PushKeys, WebPushTarget, decode_base64, public_key
from vigil_apps.notifications.channels.webhook import WebhookTarget, new_secret
from vigil_apps.notifications.core.message import Content
from vigil_apps.notifications.core.names import ChannelName
from vigil_apps.notifications.vapid import new_key
from vigil_contracts.addresses import PublicAddresses

ROOT = Path(__file__).parents[3]


def _send(channel: ChannelName, target: Any, message: Content) -> DeliveryError | None:
    try:
        CHANNELS[channel].send(target, message)
    except DeliveryError as error:
        return error
    return None


def _webhook(receiver: Receiver, message: Content, path: str = "/hook") -> DeliveryError | None:
    target = WebhookTarget(url=f"http://127.0.0.1:{receiver.port}{path}", secret=new_secret())
    return _send(ChannelName.WEBHOOK, target, message)


def test_independent_library_verifies_the_webhook_signature(receiver: Receiver) -> None:
    secret, message = new_secret(), content()
    target = WebhookTarget(url=f"http://127.0.0.1:{receiver.port}/hook?token=x", secret=secret)
    CHANNELS[ChannelName.WEBHOOK].send(target, message)
    (got,) = receiver.got
    assert got.path == "/hook?token=x"
    assert Verifier(secret).verify(got.body, got.headers) == message.as_json()
    assert got.headers["webhook-id"] == str(message.id)
    with pytest.raises(Exception, match="No matching signature"):
        Verifier(new_secret()).verify(got.body, got.headers)


def test_webhook_sends_a_cloudevent_that_the_reference_library_reads(receiver: Receiver) -> None:
    secret, message = new_secret(), content(event=sample())
    target = WebhookTarget(url=f"http://127.0.0.1:{receiver.port}/", secret=secret)
    CHANNELS[ChannelName.WEBHOOK].send(target, message)
    (got,) = receiver.got
    read = from_structured_event(HTTPMessage(headers=dict(got.headers), body=got.body), JSONFormat())
    assert message.event is not None
    assert (read.get_id(), read.get_data()) == (message.event.id, {"subscription": "Nights"})
    assert got.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert Verifier(secret).verify(got.body, got.headers)["id"] == message.event.id


def test_sample_of_the_documentation_verifies_a_webhook(receiver: Receiver) -> None:
    page = (ROOT / "docs/notifications.md").read_text()
    (sample,) = re.findall(r"```python\n(import base64.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(sample, "docs/notifications.md", "exec"), names)
    secret = new_secret()
    target = WebhookTarget(url=f"http://127.0.0.1:{receiver.port}/", secret=secret)
    CHANNELS[ChannelName.WEBHOOK].send(target, content())
    (got,) = receiver.got
    is_genuine = names["is_genuine"]
    assert is_genuine(secret, got.headers, got.body)
    assert not is_genuine(new_secret(), got.headers, got.body)
    assert not is_genuine(secret, got.headers, got.body + b" ")
    assert not is_genuine(secret, {**got.headers, "webhook-timestamp": "1700000000"}, got.body)


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (500, "the receiver answered 500"),
        (404, "the receiver answered 404"),
        ("drop", "the connection broke before the receiver confirmed the message"),
        ("late", "the receiver did not answer in time"),
        ("drip", "the receiver did not answer in time"),
        ((302, {"Location": "http://169.254.169.254/"}), "the receiver answered 302; redirects are not followed"),
    ],
)
def test_unconfirmed_webhook_has_a_reason(
    receiver: Receiver, request: pytest.FixtureRequest, step: Any, reason: str
) -> None:
    if step in ("late", "drip"):  # responses get the production time-out
        request.getfixturevalue("impatient")
    receiver.plan = [step]
    began = time.monotonic()
    error = _webhook(receiver, content())
    assert error is not None
    assert (error.reason, error.is_final) == (reason, False)
    assert time.monotonic() - began < 10
    assert len(receiver.got) == 1


def test_webhook_retry_after_and_gone(receiver: Receiver) -> None:
    receiver.plan = [(429, {"Retry-After": "120"}), (503, {"Retry-After": "soon"}), 410]
    patient, odd, gone = (_webhook(receiver, content()) for _ in range(3))
    assert patient is not None
    assert patient.retry_after_seconds == 120
    assert odd is not None
    assert odd.retry_after_seconds is None
    assert gone is not None
    assert gone.is_gone


def test_webhook_with_tls_checks_the_name_and_the_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = CertificateAuthority(tmp_path)
    with http_receiver(authority.server("hook", ["localhost"])) as receiver:
        target = WebhookTarget(url=f"https://localhost:{receiver.port}/", secret=new_secret())
        error = _send(ChannelName.WEBHOOK, target, content())
        assert error is not None
        assert "TLS" in error.reason
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.files.certificate))
        assert _send(ChannelName.WEBHOOK, target, content()) is None
        other = WebhookTarget(url=f"https://127.0.0.1:{receiver.port}/", secret=new_secret())
        error = _send(ChannelName.WEBHOOK, other, content())
        assert error is not None
        assert "TLS" in error.reason


def test_forbidden_addresses_are_never_connected_to(receiver: Receiver, reachable: Any) -> None:
    """A name that resolved elsewhere when it was stored, and resolves to this machine now."""
    hook = WebhookTarget(url=f"http://localhost:{receiver.port}/", secret=new_secret())
    topic = MqttTarget(url=f"mqtt://localhost:{receiver.port}", topic="vigil")
    reachable.VIGIL_NOTIFY_ADDRESSES = PublicAddresses()
    for channel, target in ((ChannelName.WEBHOOK, hook), (ChannelName.MQTT, topic)):
        error = _send(channel, target, content())
        assert error is not None
        assert "VIGIL_NOTIFY_NETWORKS" in error.reason
    assert receiver.got == []


def test_dns_rebinding_is_prevented(receiver: Receiver, reachable: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: permitted when it is checked, another address a moment later."""
    reachable.VIGIL_NOTIFY_ADDRESSES = PublicAddresses((ipaddress.ip_network("127.0.0.1/32"),))
    means = ["127.0.0.1", "127.0.0.9", "127.0.0.9"]
    asked: list[str] = []
    resolve = socket.getaddrinfo

    def fickle(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
        if host == "fickle.example":
            asked.append(host)
            return resolve(means.pop(0), port, *arguments, **options)
        return resolve(host, port, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", fickle)
    hook = WebhookTarget(url=f"http://fickle.example:{receiver.port}/", secret=new_secret())
    with socket.create_server(("127.0.0.9", receiver.port)) as other:
        other.settimeout(0.2)
        assert _send(ChannelName.WEBHOOK, hook, content()) is None
        assert (len(receiver.got), asked) == (1, ["fickle.example"])
        assert receiver.got[0].headers["host"].startswith("fickle.example")
        refused = _send(ChannelName.WEBHOOK, hook, content())
        assert refused is not None
        assert "VIGIL_NOTIFY_NETWORKS" in refused.reason
        assert len(receiver.got) == 1
        with pytest.raises(TimeoutError):
            other.accept()


def test_webhook_with_an_internationalised_host(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    monkeypatch.setattr("vigil_apps.notifications.channels.addresses.permitted_addresses", resolve)
    target = WebhookTarget(url=f"http://bücher.example:{receiver.port}/haken/ä?q=ö", secret=new_secret())
    assert _send(ChannelName.WEBHOOK, target, content()) is None
    assert asked == ["xn--bcher-kva.example"]
    assert receiver.got[0].path == "/haken/%C3%A4?q=%C3%B6"
    assert receiver.got[0].headers["host"] == f"xn--bcher-kva.example:{receiver.port}"


def test_unreachable_receiver() -> None:
    (port,) = free_ports(1)
    for channel, target in (
        (ChannelName.WEBHOOK, WebhookTarget(url=f"http://127.0.0.1:{port}/", secret=new_secret())),
        (ChannelName.MQTT, MqttTarget(url=f"mqtt://127.0.0.1:{port}", topic="vigil")),
    ):
        error = _send(channel, target, content())
        assert error is not None
        assert "is unreachable" in error.reason


class _Mailbox:
    """The handler that aiosmtpd calls."""

    def __init__(self) -> None:
        self.got: list[Envelope] = []
        self.answers: list[str] = []

    async def handle_RCPT(self, _s: Any, _session: Any, envelope: Envelope, address: str, _o: list[str]) -> str:
        if address.startswith("nobody"):
            return "550 no such mailbox s3cret"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:
        answer = self.answers.pop(0) if self.answers else "250 taken"
        if answer.startswith("250"):
            self.got.append(envelope)
        return answer


@pytest.fixture
def mailbox(reachable: Any) -> Iterator[_Mailbox]:
    box = _Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=free_ports(1)[0])
    controller.start()
    reachable.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    reachable.EMAIL_HOST, reachable.EMAIL_PORT, reachable.EMAIL_USE_TLS = "127.0.0.1", controller.port, False
    reachable.DEFAULT_FROM_EMAIL = "Vigil <vigil@example.org>"
    yield box
    controller.stop()


def test_mail_arrives_with_its_image(mailbox: _Mailbox) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (8, 8)).save(picture, format="JPEG")
    message = content(image_key=images.save(picture.getvalue(), now=content().created_at))
    assert _send(ChannelName.EMAIL, EmailTarget(address="anna@example.org"), message) is None
    (envelope,) = mailbox.got
    assert isinstance(envelope.content, bytes)
    mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
    assert (mail["Subject"], mail["To"]) == ("Vigil: Person at Front gate ä, zone door", "anna@example.org")
    assert mail["Message-ID"] == f"<{message.id}@example.org>"
    parts = {part.get_content_type(): part.get_content() for part in mail.walk() if not part.is_multipart()}
    assert "87% sure" in parts["text/plain"]
    assert parts["image/jpeg"] == picture.getvalue()


def test_temporary_and_permanent_mail_rejection(mailbox: _Mailbox) -> None:
    mailbox.answers = ["451 come back later s3cret"]
    error = _send(ChannelName.EMAIL, EmailTarget(address="anna@example.org"), content())
    assert error is not None
    assert (error.reason, error.is_final) == ("the mail relay answered 451", False)
    error = _send(ChannelName.EMAIL, EmailTarget(address="nobody@example.org"), content())
    assert error is not None
    assert (error.reason, error.is_final) == ("the mail relay rejected the address (550)", True)


@pytest.fixture(scope="module")
def broker() -> Iterator[MosquittoServer]:
    with mosquitto_server() as server:
        yield server


def test_mqtt_message_reaches_a_subscriber(broker: MosquittoServer) -> None:
    got: list[paho.MQTTMessage] = []
    listener = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    listener.username_pw_set(USER, PASSWORD)
    listener.on_message = lambda _client, _data, message: got.append(message)
    subscribed: list[int] = []
    listener.on_subscribe = lambda *_: subscribed.append(1)
    listener.connect("127.0.0.1", broker.port)
    listener.subscribe("vigil/#", qos=1)
    listener.loop_start()
    try:
        eventually(lambda: subscribed)
        message = content()
        target = MqttTarget(url=f"mqtt://{USER}:{PASSWORD}@127.0.0.1:{broker.port}", topic="vigil/alerts")
        assert _send(ChannelName.MQTT, target, message) is None
        event = content(event=sample())
        assert _send(ChannelName.MQTT, target, event) is None
        eventually(lambda: len(got) == 2)
        assert json.loads(got[0].payload) == message.as_json()
        assert event.event is not None
        assert json.loads(got[1].payload) == event.event.as_json()
        types = [getattr(each.properties, "ContentType", "") for each in got]
        assert types == ["application/json", "application/cloudevents+json; charset=utf-8"]
    finally:
        listener.disconnect()
        listener.loop_stop()


def test_mqtt_wrong_password_is_reported(broker: MosquittoServer) -> None:
    target = MqttTarget(url=f"mqtt://{USER}:wr0ng@127.0.0.1:{broker.port}", topic="vigil/alerts")
    error = _send(ChannelName.MQTT, target, content())
    assert error is not None
    assert error.reason == "the broker rejected the connection: not authorized"


def test_mqtt_message_denied_by_the_acl_is_not_counted_as_sent(broker: MosquittoServer) -> None:
    target = MqttTarget(url=f"mqtt://{USER}:{PASSWORD}@127.0.0.1:{broker.port}", topic="denied/alerts")
    error = _send(ChannelName.MQTT, target, content())
    assert error is not None
    assert error.reason == "the broker rejected the message: not authorized"


def test_silent_mqtt_broker_times_out(receiver: Receiver, impatient: float) -> None:
    began = time.monotonic()
    target = MqttTarget(url=f"mqtt://127.0.0.1:{receiver.port}", topic="vigil/alerts")
    assert _send(ChannelName.MQTT, target, content()) is not None
    assert time.monotonic() - began < 10 * impatient


def test_browser_can_decrypt_web_push(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reachable: Any) -> None:
    reachable.VIGIL_VAPID_KEY = new_key()
    reachable.VIGIL_PUBLIC_URL = "https://vigil.example"
    authority = CertificateAuthority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.files.certificate))
    browser, secret = ec.generate_private_key(ec.SECP256R1()), b"0123456789abcdef"
    point = browser.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    keys = PushKeys(p256dh=_url64(point), auth=_url64(secret))
    with http_receiver(authority.server("push", ["localhost"])) as receiver:
        receiver.plan = [201, 410, 403]
        target = WebPushTarget(endpoint=f"https://localhost:{receiver.port}/send/1", keys=keys)
        message = content()
        assert _send(ChannelName.WEB_PUSH, target, message) is None
        gone, refused = (_send(ChannelName.WEB_PUSH, target, content()) for _ in range(2))
    assert gone is not None
    assert gone.is_gone
    assert refused is not None
    assert (refused.is_final, refused.is_gone) == (False, False)
    assert refused.reason == "the push service rejected this server's token (403); check the server's clock"
    got = receiver.got[0]
    payload = json.loads(_decrypted(got.body, browser, secret))
    assert (payload["id"], payload["title"], payload["url"]) == (str(message.id), message.title, message.url)
    assert got.headers["ttl"] == "86400"
    assert len(got.headers["topic"]) <= 32
    claims = _vapid_claims(got.headers["authorization"])
    assert claims["aud"] == f"https://localhost:{receiver.port}"
    assert claims["sub"] == "https://vigil.example"
    assert time.time() + 11 * 3600 < claims["exp"] <= time.time() + 12 * 3600


def _url64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _decrypted(body: bytes, browser: ec.EllipticCurvePrivateKey, secret: bytes) -> bytes:
    """Decrypt by RFC 8291, section 3.4, and RFC 8188, section 2, without the library that encrypted it."""
    salt, length = body[:16], body[20]
    sender, ciphertext = body[21 : 21 + length], body[21 + length :]
    public = browser.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    shared = browser.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender))
    info = b"WebPush: info\x00" + public + sender
    key = HKDF(hashes.SHA256(), 32, secret, info).derive(shared)
    content_key = HKDF(hashes.SHA256(), 16, salt, b"Content-Encoding: aes128gcm\x00").derive(key)
    nonce = HKDF(hashes.SHA256(), 12, salt, b"Content-Encoding: nonce\x00").derive(key)
    return AESGCM(content_key).decrypt(nonce, ciphertext, None).rstrip(b"\x00").removesuffix(b"\x02")


def _vapid_claims(header: str) -> dict[str, Any]:
    """Return the claims of the ES256 JWT (RFC 8292) after checking its signature."""
    parts = dict(part.split("=", 1) for part in header.removeprefix("vapid ").split(","))
    assert parts["k"] == public_key()
    head, claims, signature = parts["t"].split(".")
    raw = decode_base64(signature)
    numbers = (int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decode_base64(parts["k"]))
    key.verify(encode_dss_signature(*numbers), f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
    found: dict[str, Any] = json.loads(decode_base64(claims))
    return found


def test_apprise_reaches_a_service(receiver: Receiver) -> None:
    target = AppriseTarget(url=f"json://user:p4ss@127.0.0.1:{receiver.port}/path")
    assert CHANNELS[ChannelName.APPRISE].mask(target) == {"url": "json://***"}
    message = content()
    receiver.plan = [200, 500]
    assert _send(ChannelName.APPRISE, target, message) is None
    body = json.loads(receiver.got[0].body)
    assert (body["title"], body["message"]) == (message.title, message.text)
    error = _send(ChannelName.APPRISE, target, message)
    assert error is not None
    assert error.reason == "the service answered 500"


def test_apprise_connects_only_to_the_service(receiver: Receiver, reachable: Any) -> None:
    target = AppriseTarget(url=f"json://localhost:{receiver.port}/")
    receiver.plan = [(302, {"Location": "http://169.254.169.254/latest"})]
    error = _send(ChannelName.APPRISE, target, content())
    assert error is not None
    reachable.VIGIL_NOTIFY_ADDRESSES = PublicAddresses()
    error = _send(ChannelName.APPRISE, target, content())
    assert error is not None
    assert "VIGIL_NOTIFY_NETWORKS" in error.reason
    assert len(receiver.got) == 1


@pytest.mark.parametrize("status", [301, 302, 303])
def test_apprise_redirect_is_not_counted_as_sent(receiver: Receiver, status: int) -> None:
    receiver.plan = [(status, {"Location": f"http://127.0.0.1:{receiver.port}/elsewhere"}), 200]
    error = _send(ChannelName.APPRISE, AppriseTarget(url=f"json://127.0.0.1:{receiver.port}/"), content())
    assert error is not None
    assert error.reason == f"the service answered {status}"
    assert len(receiver.got) == 1


def test_apprise_url_of_several_recipients_is_rejected(receiver: Receiver) -> None:
    with pytest.raises(ValueError, match="must name one recipient, and names 2: when one of them fails"):
        AppriseTarget(url=f"ntfy://127.0.0.1:{receiver.port}/first/second")


def test_apprise_does_not_repeat_to_successful_recipients(receiver: Receiver) -> None:
    stored = AppriseTarget.model_construct(url=f"ntfy://127.0.0.1:{receiver.port}/first/second")
    receiver.plan = [200, 500]
    error = _send(ChannelName.APPRISE, stored, content())
    assert error is not None
    assert error.is_final


def test_apprise_escapes_html(receiver: Receiver) -> None:
    message = content(camera_name="Dock <3 & R&D")
    target = AppriseTarget(url=f"json://127.0.0.1:{receiver.port}/?format=html")
    assert _send(ChannelName.APPRISE, target, message) is None
    shown = json.loads(receiver.got[0].body)["message"]
    assert "<3" not in shown
    assert "R&D" not in shown


def test_apprise_truncates_long_messages(receiver: Receiver) -> None:
    target = AppriseTarget(url=f"ntfy://127.0.0.1:{receiver.port}/topic")
    assert _send(ChannelName.APPRISE, target, content(camera_name="x" * 20_000)) is None
    assert len(receiver.got) == 1
    assert len(receiver.got[0].body) < 10_000


@pytest.mark.parametrize("url", ["syslog://", "nonsense", "file:///etc/passwd", "tgram://s3cret"])
def test_invalid_apprise_url_is_rejected(url: str) -> None:
    with pytest.raises(ValueError, match="must be an Apprise URL of a service on the network") as caught:
        AppriseTarget(url=url)
    assert "s3cret" not in str(caught.value)
