"""The fast intake stores alerts in groups; responses, headers and rows equal those of the view."""

import asyncio
import json
import threading
from collections.abc import Callable, Sequence
from typing import Any, cast

import httpx
import pytest
from django.contrib.auth.models import User
from django.db import DataError, OperationalError, connections
from django.test import Client
from django.utils import timezone
from prometheus_client import REGISTRY
from tests.unit.backend.conftest import WEBHOOK, Party, alert_fields, files_in, party, picture, send

from surveillance.intake import answers as intake_answers
from surveillance.intake.answers import Answer, Sent, answers, in_thread
from surveillance.intake.application import AlertIntake
from surveillance.intake.groups import LARGEST, Groups
from surveillance.models import Alert, Camera, CameraAlerts
from surveillance.signals import alerts_stored
from vigil_apps.accounts.models import AuthToken
from vigil_apps.accounts.scopes import Scope
from vigil_apps.notifications.models import OutboxEntry
from vigil_apps.notifications.services.subscriptions import subscription_create
from vigil_apps.sites.models import Site
from vigil_apps.sites.roles import Role
from vigil_apps.sites.services import member_set
from vigil_apps.web.request_metrics import Answered, count_request

TRUNCATED = picture(640, 480)[:-900]


def form(fields: dict[str, Any], image: bytes | None = None, name: str = "image") -> tuple[str, bytes]:
    """Return the content type and the body."""
    files: Any = [(field, (None, str(value))) for field, value in fields.items()]
    files += [(name, ("snapshot.jpg", image, "image/jpeg"))] if image is not None else []
    request = httpx.Request("POST", "http://testserver/", files=files)
    return request.headers["content-type"], request.read()


def sent(sender: Party, camera: Camera, /, image: bytes | None = None, **changes: Any) -> Sent:
    """Return an alert as a detector sends it."""
    return as_sent(sender, *form(alert_fields(camera, **changes), image))


def as_sent(sender: Party, content_type: str, body: bytes, *, scheme: str = "http", **headers: str) -> Sent:
    """Return a request with this body; `x_forwarded_proto="https"` is a header."""
    token = sender.token.encode()
    listed = {"host": "testserver", "authorization": f"Token {sender.token}", "content-type": content_type}
    listed |= {"content-length": str(len(body)), **{name.replace("_", "-"): text for name, text in headers.items()}}
    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/api/send-alert/", "query_string": b""}
    scope |= {"scheme": scheme, "client": ("10.0.0.9", 40000)}
    scope["headers"] = [(name.encode(), text.encode()) for name, text in listed.items()]
    return Sent(scope, token, body)


def by_view(one: Sent) -> Any:
    """Return Django's response to the same request, through all middleware."""
    headers = {name.decode(): value.decode() for name, value in one.scope["headers"]}
    names = {name: f"HTTP_{name.upper().replace('-', '_')}" for name in headers if not name.startswith("content-")}
    extra = {names[name]: value for name, value in headers.items() if name in names}
    client = cast("Any", Client(raise_request_exception=False))
    return client.generic(
        "POST",
        "/api/send-alert/",
        one.body,
        content_type=headers["content-type"],
        secure=one.scope["scheme"] == "https",
        **extra,
    )


def refusal(one: Sent) -> int:
    """Return the error status of a single request, after checking that the view returns the same."""
    (answer,) = answers([one])
    assert answer is not None
    viewed = by_view(one)
    assert (answer.status, answer.body, named(answer)) == (viewed.status_code, viewed.content, dict(viewed.items()))
    assert answer.status >= 400
    return answer.status


def named(answer: Answer) -> dict[str, str]:
    """Return the headers of a response."""
    return {name.decode(): value.decode() for name, value in answer.headers}


def statuses(given: Sequence[Answer | None]) -> list[int | None]:
    """Return the statuses of the responses."""
    return [answer.status if answer is not None else None for answer in given]


def row(alert: Alert) -> dict[str, Any]:
    """Return the row without its unique values."""
    own = {"_state", "id", "event_id", "image", "received_at", "_camera_cache"}
    return {name: value for name, value in vars(alert).items() if name not in own}


def shown(body: bytes) -> dict[str, Any]:
    """Return a response without its unique values."""
    values: dict[str, Any] = json.loads(body)
    return {name: value for name, value in values.items() if name not in {"id", "event_id", "image", "received_at"}}


IN_ORDER: dict[str, dict[str, Any]] = {
    "all": {},
    "no box": {"box": None},
    "the token's camera": {"camera": None},
    "texts": {"description": "Grüße 🚪", "zone": "gate", "rule": "r", "track": "7", "label": ""},
    "another zone of time": {"timestamp": "2026-11-23T14:00:00+02:00"},
}
REFUSED: dict[str, dict[str, Any]] = {
    "event": {"event_id": "x"},
    "type": {"alert_type": "parade"},
    "confidence": {"confidence": "2"},
    "time": {"timestamp": "yesterday"},
    "box": {"box": "{"},
    "unknown field": {"colour": "red"},
    "unstorable": {"label": "a\x00b"},
    "picture as text": {"image": "none"},
    "no such camera": {"camera": "999999"},
    "a number too large": {"camera": str(2**70)},
    "no number": {"camera": "gate"},
}


@pytest.mark.parametrize("changes", IN_ORDER.values(), ids=IN_ORDER)
def test_valid_alert_is_stored_like_by_the_view(
    camera: Camera, detector: Party, media: Any, changes: dict[str, Any]
) -> None:
    viewed = by_view(sent(detector, camera, picture(), **{**changes, "event_id": "event-view"}))
    (answer,) = answers([sent(detector, camera, picture(), **{**changes, "event_id": "event-group"})])
    assert answer is not None
    assert (answer.status, viewed.status_code) == (201, 201)
    assert shown(answer.body) == shown(viewed.content)
    first, second = Alert.objects.order_by("id")
    assert row(first) == row(second)
    assert json.loads(answer.body)["image"] == f"/api/alerts/{second.pk}/image/"
    one, other = files_in(media)
    assert one.read_bytes() == other.read_bytes()
    assert CameraAlerts.objects.get().total == 2


@pytest.mark.parametrize("changes", REFUSED.values(), ids=REFUSED)
def test_invalid_alert_gets_the_views_response(camera: Camera, detector: Party, changes: dict[str, Any]) -> None:
    wrong, right = sent(detector, camera, **changes), sent(detector, camera, event_id="event-right")
    refused, stored = statuses(answers([wrong, right]))
    assert stored == 201, "one alert's mistake does not disturb another"
    assert refusal(wrong) == refused
    assert refused in {400, 404}
    assert Alert.objects.count() == 1


@pytest.mark.parametrize("image", [b"", b"GIF89a", TRUNCATED, b"\xff" * 3_000_000])
def test_invalid_image_gets_the_views_response(camera: Camera, detector: Party, media: Any, image: bytes) -> None:
    wrong, right = sent(detector, camera, image), sent(detector, camera, picture(), event_id="event-right")
    assert statuses(answers([wrong, right])) == [400, 201]
    assert refusal(wrong) == 400
    assert len(files_in(media)) == 1


def test_invalid_form_gets_the_views_response(camera: Camera, detector: Party) -> None:
    multipart, _ = form(alert_fields(camera))
    others = [form(alert_fields(camera, **{name: None}), picture(), name=name) for name in ("clip", "box", "label")]
    for kind, body in (*others, (multipart, b"nonsense"), (multipart, b"")):
        assert refusal(as_sent(detector, kind, body)) == 400


def test_only_tokens_with_send_permission_are_accepted(
    camera: Camera, detector: Party, pipeline: Party, operator: Party, prober: Party, anna: Party, root: Party
) -> None:
    other = Camera.objects.create(user=anna.user, name="Other", rtsp_url="rtsp://h/1")
    nobody = Party(anna.user, anna.client, "never-made")
    refused = [refusal(sent(sender, camera)) for sender in (operator, prober, anna, root, nobody)]
    assert refused == [403, 403, 403, 403, 401]
    assert refusal(sent(detector, other)) == 404, "a detector sends only its own camera's alerts"
    assert statuses(answers([sent(detector, camera), sent(pipeline, other)])) == [201, 201]
    assert Alert.objects.count() == 2


def test_token_is_rejected_as_soon_as_it_expires(camera: Camera, anna: Party) -> None:
    ended, closed, revoked = (party(anna.user, Scope.PIPELINE) for _ in range(3))
    tokens = AuthToken.objects.filter(scope=Scope.PIPELINE).order_by("created")
    group = [sent(sender, camera, event_id=f"event-{n:04}") for n, sender in enumerate((ended, closed, revoked))]
    assert statuses(answers(group)) == [201] * 3
    tokens.filter(pk=tokens[0].pk).update(expiry=timezone.now())
    assert refusal(sent(ended, camera, event_id="event-late")) == 401
    AuthToken.objects.filter(digest=tokens[2].digest).delete()
    assert refusal(sent(revoked, camera, event_id="event-late")) == 401
    User.objects.filter(pk=anna.user.pk).update(is_active=False)
    assert refusal(sent(closed, camera, event_id="event-late")) == 401
    assert Alert.objects.count() == 3


def test_the_same_event_is_stored_once(camera: Camera, detector: Party, media: Any) -> None:
    group = [sent(detector, camera, picture())] * 3
    first = answers(group)
    again = answers(group)
    assert statuses(first) == [201, 200, 200]
    assert statuses(again) == [200, 200, 200]
    bodies = [json.loads(answer.body) for answer in (*first, *again) if answer is not None]
    assert bodies == bodies[:1] * 6
    assert (Alert.objects.count(), CameraAlerts.objects.get().total, len(files_in(media))) == (1, 1, 1)


def test_group_needs_as_many_queries_as_one_alert(
    camera: Camera, pipeline: Party, site: Site, viewer: Party, django_assert_num_queries: Any
) -> None:
    subscription_create(user=viewer.user, values=WEBHOOK)
    answers([sent(pipeline, camera)])  # notes the token's use
    for size in (1, LARGEST):
        group = [sent(pipeline, camera, event_id=f"event-{size}-{number:02}") for number in range(size)]
        # Token, cameras, known events; rows, totals, whether there are subscriptions, subscriptions, members, outbox;
        # begin and end of the transaction.
        with django_assert_num_queries(11):
            assert statuses(answers(group)) == [201] * size


def test_all_matching_subscriptions_of_a_group_are_notified(
    camera: Camera, anna: Party, ben: Party, pipeline: Party, site: Site, viewer: Party, root: Party
) -> None:
    other = Camera.objects.create(user=ben.user, name="Other", rtsp_url="rtsp://h/1")
    wanted = {
        who.user.username: subscription_create(user=who.user, values={**WEBHOOK, **wish})
        for who, wish in (
            (anna, {}),
            (ben, {"alert_types": ["vehicle"]}),
            (viewer, {}),
            (root, {"cameras": [other.pk]}),
        )
    }
    Camera.objects.filter(pk=camera.pk).update(site=site)
    group = [
        sent(pipeline, camera, event_id="event-gate"),
        sent(pipeline, other, event_id="event-person"),
        sent(pipeline, other, event_id="event-vehicle", alert_type="vehicle"),
    ]
    assert statuses(answers(group)) == [201] * 3
    told = {
        name: sorted(OutboxEntry.objects.filter(subscription=one).values_list("alert__event_id", flat=True))
        for name, one in wanted.items()
    }
    assert told == {
        "anna": ["event-gate"],
        "viewer": ["event-gate"],
        "ben": ["event-vehicle"],
        "root": ["event-person", "event-vehicle"],
    }
    member_set(site=site, user=ben.user, role=Role.VIEWER)
    answers([sent(pipeline, camera, event_id="event-later", alert_type="vehicle")])
    assert OutboxEntry.objects.filter(subscription=wanted["ben"]).count() == 2


def test_totals_are_correct_and_never_in_the_future(camera: Camera, pipeline: Party) -> None:
    times = ["2026-11-23T12:00:00Z", "2099-01-01T00:00:00Z", "2026-11-22T12:00:00Z"]
    answers([sent(pipeline, camera, event_id=f"event-{n:04}", timestamp=time) for n, time in enumerate(times)])
    counted = CameraAlerts.objects.get()
    assert counted.total == 3
    assert counted.last_alert_at <= timezone.now()
    latest = counted.last_alert_at
    answers([sent(pipeline, camera, event_id="event-old", timestamp="2026-01-01T00:00:00Z")])
    counted.refresh_from_db()
    assert (counted.total, counted.last_alert_at) == (4, latest)


def test_a_rate_limit_counts_each_alert_once(camera: Camera, detector: Party, pipeline: Party, settings: Any) -> None:
    settings.VIGIL_RATES = {
        "camera": "3/minute",
        "token": "2/minute",
        "address": "",
        "proxy": "",
        "probe": "",
        "control": "",
    }
    group = [sent(detector, camera, event_id=f"event-{number:04}") for number in range(3)]
    first = answers(group)
    assert statuses(first) == [201, 201, 429], "the token's limit"
    assert first[2] is not None
    assert 1 <= int(named(first[2])["Retry-After"]) <= 60
    later = [sent(pipeline, camera, event_id=f"event-{number:04}") for number in range(3, 5)]
    assert statuses(answers(later)) == [201, 429], "the camera's limit"
    assert by_view(later[1]).status_code == 429
    assert Alert.objects.count() == 3


def test_alerts_of_a_failed_transaction_are_stored_individually(
    camera: Camera, detector: Party, media: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = [sent(detector, camera, picture(), event_id=f"event-{number:04}") for number in range(3)]

    send_signal = alerts_stored.send

    def fail_for_the_second(*, alerts: Sequence[Alert], **fields: Any) -> Any:
        if len(alerts) > 1:
            assert len(files_in(media)) == 3, "the pictures are written before the rows"
        if any(alert.event_id == "event-0001" for alert in alerts):
            raise DataError("the transaction failed")
        return send_signal(alerts=alerts, **fields)

    monkeypatch.setattr(alerts_stored, "send", fail_for_the_second)
    assert statuses(answers(group)) == [201, None, 201], "an unknown error of one is for Django to log"
    assert len(files_in(media)) == 2
    assert sorted(Alert.objects.values_list("event_id", flat=True)) == ["event-0000", "event-0002"]


def test_group_that_cannot_be_stored_is_left_to_the_view(
    detector: Party, camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: Any) -> Any:
        raise OperationalError("the database is away")

    monkeypatch.setattr(intake_answers, "recent_valid_tokens", away)
    monkeypatch.setattr(connections, "close_all", lambda: None)  # includes the test's own
    assert in_thread(answers)([sent(detector, camera)] * 3) == [None] * 3


def test_full_disk_rejects_only_alerts_with_an_image(camera: Camera, detector: Party, media: Any) -> None:
    media.write_text("a file where the directory should be")
    with_picture, without = sent(detector, camera, picture()), sent(detector, camera, event_id="event-plain")
    assert statuses(answers([with_picture, without])) == [503, 201]
    assert refusal(with_picture) == 503


# The ASGI application around Django's.

Call = Callable[..., Any]


class Inner:
    """The inner application; records requests that reach it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        body = message["body"]
        while message.get("more_body"):
            message = await receive()
            body += message["body"]
        self.bodies.append(body)
        await send({"type": "http.response.start", "status": 400, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})


HEADERS = {
    "host": "testserver",
    "authorization": "Token abc",
    "content-type": "multipart/form-data; boundary=b",
    "content-length": "6",
}


def ask(application: AlertIntake, **changes: Any) -> list[Any]:
    """Send a body of six bytes in two parts; `changes` apply to the scope, `headers` to its headers."""
    headers = {**HEADERS, **changes.pop("headers", {})}
    listed = [(name.encode(), value.encode()) for name, value in headers.items() if value is not None]
    listed += changes.pop("more_headers", [])
    scope = {"type": "http", "path": "/api/send-alert/", "method": "POST", "query_string": b"", "scheme": "http"}
    pieces = [
        {"type": "http.request", "body": b"abc", "more_body": True},
        {"type": "http.request", "body": b"def", "more_body": False},
    ]
    got: list[Any] = []

    async def receive() -> Any:
        return pieces.pop(0)

    async def keep(message: Any) -> None:
        got.append(message)

    asyncio.run(application({**scope, "headers": listed, **changes}, receive, keep))
    return got


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return the counted requests."""
    found: list[Any] = []
    monkeypatch.setattr("surveillance.intake.application.count_request", found.append)
    return found


def stored(group: Sequence[Sent]) -> list[Answer | None]:
    """Answer every request of the group."""
    return [Answer(201, [(b"x-from", b"view")], b'{"id":7}', is_secure=False) for _ in group]


def test_alert_is_answered_with_its_group(counted: list[Any]) -> None:
    inner, groups = Inner(), []

    def work(group: Sequence[Sent]) -> list[Answer | None]:
        groups.append(list(group))
        return stored(group)

    start, body = ask(AlertIntake(inner, work))
    ((one,),) = groups
    assert (one.token, one.body, inner.bodies) == (b"abc", b"abcdef", [])
    assert (start["status"], start["headers"], body["body"]) == (201, [(b"x-from", b"view")], b'{"id":7}')
    assert [(one.view, one.method, one.status, one.request_bytes) for one in counted] == [
        ("send-alert", "POST", 201, 6)
    ]


OTHER_REQUESTS: dict[str, dict[str, Any]] = {
    "a session": {"headers": {"cookie": "sessionid=1"}},
    "another path": {"path": "/api/send-clip/"},
    "another method": {"method": "PUT"},
    "a query": {"query_string": b"format=xml"},
    "JSON": {"headers": {"content-type": "application/json"}},
    "a charset": {"headers": {"content-type": "multipart/form-data; boundary=b; charset=utf-16"}},
    "no token": {"headers": {"authorization": None}},
    "a password": {"headers": {"authorization": "Basic abc"}},
    "two words": {"headers": {"authorization": "Token a b"}},
    "no word": {"headers": {"authorization": "Token"}},
    "two tokens": {"more_headers": [(b"authorization", b"Token def")]},
    "no length": {"headers": {"content-length": None}},
    "another length": {"headers": {"content-length": "7"}},
    "too long": {"headers": {"content-length": str(4 * 1024 * 1024)}},
    "no number": {"headers": {"content-length": "6x"}},
}


@pytest.mark.parametrize("changes", OTHER_REQUESTS.values(), ids=OTHER_REQUESTS)
def test_other_requests_go_to_django(counted: list[Any], changes: dict[str, Any]) -> None:
    inner = Inner()
    application = AlertIntake(inner, stored)
    ask(application, **{name: dict(value) if isinstance(value, dict) else value for name, value in changes.items()})
    assert inner.bodies == [b"abcdef"]
    assert not counted


def test_django_receives_the_whole_body_of_unhandled_requests(counted: list[Any]) -> None:
    inner = Inner()
    application = AlertIntake(inner, lambda group: [None for _ in group])
    assert ask(application)[1]["body"] == b"{}"
    assert (inner.bodies, counted) == ([b"abcdef"], [])


LOOKS: dict[str, dict[str, Any]] = {
    "plain": {},
    "TLS": {"scheme": "https"},
    "TLS at a proxy": {"x_forwarded_proto": "https"},
    "any": {"accept": "*/*"},
    "indented": {"accept": "application/json; indent=8"},
    "XML": {"accept": "text/xml"},
    "German": {"accept_language": "de"},
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_response_equals_djangos(camera: Camera, detector: Party, settings: Any, look: dict[str, Any]) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    one = as_sent(detector, *form(alert_fields(camera)), **look)
    by_view(one)  # stored: both ways now read the same row; PostgreSQL reorders its JSON
    viewed = by_view(one)
    (answer,) = answers([one])
    assert answer is not None
    assert (answer.status, viewed.status_code) in {(200, 200), (406, 406)}
    assert named(answer) == dict(viewed.items())
    assert answer.body == viewed.content
    assert answer.is_secure == bool({"scheme", "x_forwarded_proto"} & set(look))


def test_unknown_host_goes_to_django(camera: Camera, detector: Party) -> None:
    one = as_sent(detector, *form(alert_fields(camera)), host="evil.example")
    assert answers([one]) == [None]
    assert not Alert.objects.exists()


def test_requests_that_arrive_meanwhile_form_a_group() -> None:
    groups: list[list[int]] = []
    goes_on, has_begun = threading.Event(), threading.Semaphore(0)

    def work(group: Sequence[int]) -> list[int]:
        groups.append(list(group))
        has_begun.release()
        assert goes_on.wait(10)
        return [-item for item in group]

    async def all_of_them() -> list[int]:
        made: Groups[int, int] = Groups(work)
        tasks = [asyncio.create_task(made.result(number)) for number in range(40)]
        for _ in range(2):
            assert await asyncio.to_thread(has_begun.acquire, timeout=10)
        goes_on.set()
        return await asyncio.gather(*tasks)

    assert asyncio.run(all_of_them()) == [-number for number in range(40)]
    assert sorted(number for group in groups for number in group) == list(range(40))
    assert max(map(len, groups)) == LARGEST
    assert len(groups) <= 5


def test_waiting_request_gets_the_error_and_the_next_is_served() -> None:
    def work(group: Sequence[int]) -> list[int]:
        return [10 // item for item in group]

    async def both() -> None:
        made: Groups[int, int] = Groups(work)
        with pytest.raises(ZeroDivisionError):
            await made.result(0)
        assert await made.result(5) == 2

    asyncio.run(both())


def test_requests_are_counted_as_the_middleware_counts_them(camera: Camera, detector: Party) -> None:
    def samples() -> dict[Any, float]:
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for metric in REGISTRY.collect()
            if metric.name.startswith("django_http")
            for sample in metric.samples
            if not sample.name.endswith(("_bucket", "_sum", "_created"))
        }

    def grown(work: Callable[[], Any]) -> dict[Any, float]:
        before = samples()
        work()
        return {name: value - before.get(name, 0) for name, value in samples().items() if value != before.get(name)}

    by_middleware = grown(lambda: send(detector, camera))
    by_us = grown(lambda: count_request(Answered("send-alert", "POST", False, 201, 6, 7, 0.1)))
    assert by_us == by_middleware
    assert len(by_us) > 10
