"""Requests and responses of the API client, over an in-memory transport."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from vigil_contracts.alert import AlertSubmission, Box
from vigil_contracts.api_client import ApiClient, ApiError, AsyncApiClient, uses_tls
from vigil_contracts.names import AlertType


def client(handler: Any) -> ApiClient:
    made = ApiClient("http://api.example", "secret-token")
    made._http._transport = httpx.MockTransport(handler)
    made._http._mounts = {}
    return made


ALERT = AlertSubmission(
    event_id="event-0001",
    camera=7,
    alert_type=AlertType.PERSON,
    confidence=0.9,
    timestamp=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    box=Box(x_min=0.1, y_min=0.2, x_max=0.3, y_max=0.4),
)


@pytest.mark.parametrize(("status", "is_new"), [(201, True), (200, False)])
def test_response_tells_new_from_known_alerts(status: int, is_new: bool) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(status, json={})

    with client(answer) as api:
        assert api.send_alert(ALERT, b"\xff\xd8picture") is is_new
    body = seen[0].read()
    assert b'name="event_id"\r\n\r\nevent-0001' in body
    assert b'name="box"\r\n\r\n{"x_min": 0.1' in body
    assert b'name="image"; filename="snapshot.jpg"' in body
    assert b'name="zone"' not in body
    assert seen[0].headers["authorization"] == "Token secret-token"


@pytest.mark.parametrize("status", [400, 413, 422])
def test_permanent_rejection_keeps_the_apis_message(status: int) -> None:
    with (
        client(lambda _: httpx.Response(status, json={"confidence": ["too much"]})) as api,
        pytest.raises(ApiError, match="too much") as caught,
    ):
        api.send_alert(ALERT, None)
    assert caught.value.is_permanent
    assert "secret-token" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"json": {"name": ["is taken", "is long"]}}, {"name": "is taken is long"}),
        ({"json": {"detail": "Not found."}}, {"detail": "Not found."}),
        (
            {"json": {"detection": {"rules": [{}, {"zone": ["is missing"]}]}}},
            {"detection.rules.1.zone": "is missing"},
        ),
        ({"json": {"name": ["x" * 900]}}, {"name": "x" * 900}),
        ({"json": ["no object"]}, {}),
        ({"text": "<h1>Bad request</h1>"}, {}),
    ],
    ids=["list", "text", "nested", "long", "array", "html"],
)
def test_rejection_names_its_fields(answer: dict[str, Any], expected: dict[str, str]) -> None:
    with client(lambda _: httpx.Response(400, **answer)) as api, pytest.raises(ApiError) as caught:
        api.send_alert(ALERT, None)
    assert caught.value.field_errors == expected


def test_older_backend_gets_the_alert_without_new_fields() -> None:
    bodies: list[bytes] = []

    def before(request: httpx.Request) -> httpx.Response:
        bodies.append(request.read())
        if b"zone_seconds" in bodies[-1]:
            return httpx.Response(400, json={"zone_seconds": ["Extra inputs are not permitted"]})
        return httpx.Response(201, json={})

    stayed = ALERT.model_copy(update={"zone_seconds": 12.5})
    with client(before) as api:
        assert api.send_alert(stayed, b"\xff\xd8picture")
    assert [b'name="zone_seconds"\r\n\r\n12.5' in body for body in bodies] == [True, False]
    assert b"\xff\xd8picture" in bodies[1]
    with client(lambda _: httpx.Response(400, json={"label": ["too long"]})) as api, pytest.raises(ApiError):
        api.send_alert(stayed, None)


@pytest.mark.parametrize("status", [401, 403, 404, 408, 429, 500, 502, 503])
def test_temporary_errors_are_not_permanent(status: int) -> None:
    with (
        client(lambda _: httpx.Response(status, headers={"retry-after": "7"})) as api,
        pytest.raises(ApiError) as caught,
    ):
        api.send_alert(ALERT, None)
    assert not caught.value.is_permanent
    assert caught.value.retry_after_seconds == 7


def test_missing_response_is_an_api_error_without_status() -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with client(refuse) as api, pytest.raises(ApiError, match="GET /api/active-cameras/: ConnectError") as caught:
        api.active_cameras()
    assert caught.value.status is None
    assert not caught.value.is_permanent


def test_not_modified_has_no_value() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["if-none-match"] == '"a"'
        return httpx.Response(304, headers={"etag": '"a"'})

    with client(answer) as api:
        assert api.active_cameras(etag='"a"').value is None


def test_unreadable_camera_does_not_affect_others() -> None:
    good = {"id": 1, "name": "gate", "rtsp_url": "rtsp://h/", "revision": "a"}
    newer = {**good, "id": 2, "detection": {"rules": [{"name": "r", "type": "levitation"}]}}
    with client(lambda _: httpx.Response(200, json=[newer, good])) as api:
        answer = api.active_cameras().value
    assert answer is not None
    assert ([camera.id for camera in answer.cameras], answer.unreadable) == ([1], frozenset({2}))
    assert answer.problems[2].startswith("detection.rules.0: Input tag 'levitation'")


def test_invalid_field_is_named_without_its_value() -> None:
    secret = {"id": 2, "name": "gate", "rtsp_url": {"url": "rtsp://u:hush@h/"}, "revision": ["hush"]}
    with client(lambda _: httpx.Response(200, json=[secret])) as api:
        answer = api.active_cameras().value
    assert answer is not None
    assert answer.problems == {2: "rtsp_url: Input should be a valid string"}


def tokens_from(handler: Any, *camera_ids: int) -> dict[int, str]:
    async def main() -> dict[int, str]:
        async with AsyncApiClient("http://api.example", "secret-token") as api:
            await api._http._transport.aclose()
            api._http._transport = httpx.MockTransport(handler)
            api._http._mounts = {}
            return await api.issue_detector_tokens(camera_ids)

    return asyncio.run(main())


def test_tokens_of_many_detectors_come_with_one_request() -> None:
    asked: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.content)
        return httpx.Response(201, json={"tokens": {"7": "a", "8": "b"}})

    assert tokens_from(answer, 8, 7, 9) == {7: "a", 8: "b"}, "9 is not known"
    assert asked == [b'{"cameras":[7,8,9]}']


def test_tokens_are_requested_individually_from_older_backends() -> None:
    def before(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/cameras/7/detector-token/":
            return httpx.Response(201, json={"token": "a"})
        return httpx.Response(404)

    assert tokens_from(before, 7, 8) == {7: "a"}


def test_failing_api_is_not_called_per_camera() -> None:
    asked: list[str] = []

    def fail(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(503)

    with pytest.raises(ApiError):
        tokens_from(fail, 7, 8)
    assert asked == ["/api/detector-tokens/"]


@pytest.mark.parametrize(
    ("url", "expected"), [("https://a.example", True), ("HTTPS://a.example", True), ("http://a:8000", False)]
)
def test_certificates_are_verified_on_every_https_url(url: str, expected: bool) -> None:
    assert uses_tls(url) is expected


def test_rows_of_all_pages_are_returned() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.params.get("cursor") == "abc":
            return httpx.Response(200, json={"next": None, "results": [{"id": 2}]})
        following = "http://api.example/api/sites/?cursor=abc&page_size=500"
        return httpx.Response(200, json={"next": following, "results": [{"id": 1}]})

    with client(answer) as api:
        assert api.rows("/api/sites/") == [{"id": 1}, {"id": 2}]


def async_client(handler: Any) -> AsyncApiClient:
    made = AsyncApiClient("http://api.example", "secret-token")
    made._http._transport = httpx.MockTransport(handler)
    made._http._mounts = {}
    return made


def test_only_changed_configurations_are_parsed_again() -> None:
    def camera(number: int, revision: str) -> dict[str, Any]:
        return {"id": number, "name": f"Camera {number}", "rtsp_url": "rtsp://10.0.0.1/s", "revision": revision}

    answers = iter([[camera(1, "a"), camera(2, "a")], [camera(1, "a"), camera(2, "b") | {"name": "Gate"}], []])

    async def main() -> None:
        async with async_client(lambda _: httpx.Response(200, json=next(answers))) as api:
            first, second, third = [(await api.active_cameras()).value for _ in range(3)]
        assert first is not None
        assert second is not None
        assert second.cameras[0] is first.cameras[0]
        assert second.cameras[1].name == "Gate"
        assert third is not None
        assert third.cameras == ()

    asyncio.run(main())


class ChangingApi:
    """Answers with the next of `answers`: status, entity tag and body; keeps the requests' headers."""

    def __init__(self, *answers: tuple[int, str, Any]) -> None:
        self._answers = iter(answers)
        self.asked: list[tuple[str | None, str | None]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append((request.headers.get("if-none-match"), request.headers.get("a-im")))
        status, etag, body = next(self._answers)
        return httpx.Response(status, headers={"ETag": etag} if etag else {}, json=body)


def listed(number: int, revision: str = "a", **values: Any) -> dict[str, Any]:
    return {"id": number, "name": f"Camera {number}", "rtsp_url": "rtsp://10.0.0.1/s", "revision": revision, **values}


def test_changes_are_applied_to_the_last_answer() -> None:
    unreadable = {"transport": "pigeon"}
    changes = {"cameras": [listed(2, "b", name="Gate"), listed(5), listed(3, "b")], "removed": [1, 9, 4]}
    api = ChangingApi(
        (
            200,
            '"1"',
            [listed(1), listed(2), listed(3, **unreadable), listed(4, **unreadable), listed(6, **unreadable)],
        ),
        (226, '"2"', changes),
        (304, "", None),
        (226, '"3"', {"cameras": [listed(5, "b", **unreadable)], "removed": []}),
        (200, '"9"', [listed(2, "b")]),
        (200, '"9"', []),
    )

    async def main() -> None:
        async with async_client(api) as client:
            first = (await client.active_cameras()).value
            second = await client.active_cameras('"1"')
            assert (await client.active_cameras('"2"')).value is None
            third = (await client.active_cameras('"2"')).value
            fourth = (await client.active_cameras('"3"')).value
            await client.active_cameras('"3"')
        assert first is not None
        assert second.value is not None
        assert third is not None
        assert fourth is not None
        assert first.unreadable == {3, 4, 6}
        assert second.etag == '"2"'
        assert [(found.id, found.name) for found in second.value.cameras] == [
            (2, "Gate"),
            (5, "Camera 5"),
            (3, "Camera 3"),
        ]
        assert second.value.unreadable == {6}
        assert [found.id for found in third.cameras] == [2, 3]
        assert third.unreadable == {5, 6}
        assert "transport" in third.problems[5]
        assert [found.id for found in fourth.cameras] == [2], "the API did not know the changes"

    asyncio.run(main())
    assert api.asked == [
        (None, None),
        ('"1"', "vigil-changes"),
        ('"2"', "vigil-changes"),
        ('"2"', "vigil-changes"),
        ('"3"', "vigil-changes"),
        ('"3"', None),  # not the tag of the last answer, so its changes could not be applied
    ]


def test_page_of_cameras_follows_the_one_before() -> None:
    seen: list[httpx.URL] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url)
        return httpx.Response(200, json={"results": []})

    async def main() -> None:
        async with async_client(answer) as api:
            assert await api.active_cameras_page() == b'{"results":[]}'
            await api.active_cameras_page("https://elsewhere.example/api/cameras/?is_active=true&page=2")

    asyncio.run(main())
    assert [url.params.get("page") for url in seen] == [None, "2"]
    assert {url.host for url in seen} == {"api.example"}
