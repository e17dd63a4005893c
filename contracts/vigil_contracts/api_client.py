"""The client of Vigil's API, for detectors (threads) and the Kubernetes operator (asyncio).

Both classes build requests and parse responses with the same code, so that errors mean the same. A token is sent in
the `Authorization` header only; errors contain the method, the path and the status, nothing else.
"""

import json
import ssl
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Generic, Self, TypeVar, cast
from urllib.parse import urlsplit
from uuid import UUID

import httpx
from pydantic import ValidationError

from vigil_contracts.alert import NEW_FIELDS, AlertSubmission, ClipSubmission, ImageSubmission
from vigil_contracts.camera import CHANGES_ONLY, AppliedConfiguration, CameraConfiguration, CameraSummary
from vigil_contracts.clusters import RELEASES_AT_ONCE, CameraReleases, ClusterQuery, PendingReleases
from vigil_contracts.detector_tasks import ClaimedTask, TaskEvent, TaskResult
from vigil_contracts.health import Heartbeat
from vigil_contracts.masks_digest import HEADER as MASKS_HEADER
from vigil_contracts.names import DeletionPolicy
from vigil_contracts.recording import RecordingBatch, RegisteredRecordings, UploadOrder, Uploads
from vigil_contracts.resources import RegisteredResource, ResourceRegistration, ResourceStates

T = TypeVar("T")

HEALTH_PAGE_SIZE = 500
TASKS_TIMEOUT = httpx.Timeout(30.0, connect=3.0)
"""The API sends a keep-alive every 15 s."""
TIMEOUT = httpx.Timeout(10.0, connect=3.0)
CONFIGURATION_TIMEOUT = httpx.Timeout(120.0, connect=3.0)
"""A document of 1,000 cameras is applied in one transaction."""


class ApiError(Exception):
    """The API was unreachable or returned an error. `status` is None without a response.

    `field_errors`: what the API says is wrong with the request, by field; it repeats no value of the request.
    """

    def __init__(
        self,
        message: str,
        status: int | None = None,
        retry_after_seconds: float | None = None,
        field_errors: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_seconds = retry_after_seconds
        self.field_errors = dict(field_errors or {})

    @property
    def is_permanent(self) -> bool:
        """Return whether repeating the same request can never succeed.

        False for 401, 403 and 404, since tokens and permissions can be corrected, and a waiting alert is better than
        a lost one; and for 408, 425 and 429, which ask for a retry.
        """
        return self.status is not None and self.status in {400, 405, 409, 410, 411, 413, 414, 415, 422}


@dataclass(frozen=True, slots=True)
class Fetched(Generic[T]):
    """A response with its entity tag; `value` is None if nothing has changed since `etag` (304)."""

    value: T | None
    etag: str


@dataclass(frozen=True, slots=True)
class ActiveCameras:
    """A response of `GET /api/active-cameras/`.

    `unreadable`: active cameras whose configuration this version cannot parse, for example a rule of a newer backend.
    Their last known configuration stays in use; other cameras are unaffected. `problems` describes the problem of
    each: the field and the correct form.
    """

    cameras: tuple[CameraConfiguration, ...]
    unreadable: frozenset[int] = frozenset()
    problems: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]


def _fetch(
    path: str, etag: str, params: Mapping[str, str] | None = None, *, are_changes_enough: bool = False
) -> _Request:
    headers = {"If-None-Match": etag} if etag else {}
    if are_changes_enough:
        headers["A-IM"] = CHANGES_ONLY
    return _Request("GET", path, headers, {"params": params} if params else {})


def _fields(submission: AlertSubmission | ImageSubmission | ClipSubmission) -> dict[str, Any]:
    """Return the form's fields; empty ones are omitted."""
    return {
        name: (None, json.dumps(value) if isinstance(value, dict) else str(value))
        for name, value in submission.model_dump(mode="json").items()
        if value not in (None, "")
    }


def _send_alert(alert: AlertSubmission, image_jpeg: bytes | None) -> _Request:
    files = _fields(alert)
    if image_jpeg is not None:
        files["image"] = ("snapshot.jpg", image_jpeg, "image/jpeg")
    return _Request("POST", "/api/send-alert/", {}, {"files": files})


def _send_image(picture: ImageSubmission, image_jpeg: bytes) -> _Request:
    files = {**_fields(picture), "image": ("snapshot.jpg", image_jpeg, "image/jpeg")}
    return _Request("POST", "/api/send-picture/", {}, {"files": files})


def _send_clip(clip: ClipSubmission, content_mp4: bytes) -> _Request:
    files = {**_fields(clip), "clip": ("clip.mp4", content_mp4, "video/mp4")}
    return _Request("POST", "/api/send-clip/", {}, {"files": files})


def _heartbeat(camera_id: int, heartbeat: Heartbeat) -> _Request:
    return _Request(
        "POST",
        f"/api/cameras/{camera_id}/heartbeat/",
        {},
        {"json": heartbeat.model_dump(mode="json", exclude_none=True)},
    )


def _detail(response: httpx.Response) -> str:
    """Return the API's message about a rejected request, shortened to one line."""
    if not response.headers.get("content-type", "").startswith("application/json"):
        return ""
    return f": {response.text[:500]}"


def _check(request: _Request, response: httpx.Response) -> httpx.Response:
    if response.is_success or response.status_code == httpx.codes.NOT_MODIFIED:
        return response
    retry_after = response.headers.get("retry-after", "")
    raise ApiError(
        f"{request.method} {request.path}: {response.status_code} {response.reason_phrase}{_detail(response)}",
        status=response.status_code,
        retry_after_seconds=float(retry_after) if retry_after.isdigit() else None,
        field_errors=_field_errors(response),
    )


def _field_errors(response: httpx.Response) -> dict[str, str]:
    """Return the errors of a refused request by field, nested fields with dots; empty if the answer holds none."""
    try:
        body = response.json()
    except ValueError:
        return {}
    return dict(_flattened(body, "")) if isinstance(body, dict) else {}


def _flattened(errors: Any, field: str) -> Iterator[tuple[str, str]]:
    if isinstance(errors, Mapping):
        for name, inner in errors.items():
            yield from _flattened(inner, f"{field}.{name}" if field else str(name))
    elif isinstance(errors, list) and any(isinstance(item, Mapping | list) for item in errors):
        for number, item in enumerate(errors):
            yield from _flattened(item, f"{field}.{number}")
    elif errors:
        yield field, " ".join(map(str, errors)) if isinstance(errors, list) else str(errors)


def _unreachable(request: _Request, error: httpx.HTTPError) -> ApiError:
    return ApiError(f"{request.method} {request.path}: {type(error).__name__}: {error}")


def _active_cameras(
    response: httpx.Response, known: Mapping[int, CameraConfiguration] = MappingProxyType({})
) -> Fetched[ActiveCameras]:
    """Parse the answer. Configurations in `known` whose revision is the same are not parsed again."""
    etag = response.headers.get("etag", "")
    if response.status_code == httpx.codes.NOT_MODIFIED:
        return Fetched(None, etag)
    return Fetched(_parsed(response.json(), known), etag)


def _changed_cameras(response: httpx.Response, before: ActiveCameras) -> Fetched[ActiveCameras]:
    """Parse an answer with changes only; return all cameras that are active with it."""
    changes = response.json()
    changed = _parsed(changes["cameras"])
    named = {*changes["removed"], *(item["id"] for item in changes["cameras"])}
    cameras = (*(found for found in before.cameras if found.id not in named), *changed.cameras)
    problems = {camera_id: problem for camera_id, problem in before.problems.items() if camera_id not in named}
    problems |= changed.problems
    return Fetched(ActiveCameras(cameras, frozenset(problems), problems), response.headers.get("etag", ""))


def _parsed(items: Iterable[Any], known: Mapping[int, CameraConfiguration] = MappingProxyType({})) -> ActiveCameras:
    cameras: list[CameraConfiguration] = []
    problems: dict[int, str] = {}
    for item in items:
        before = known.get(item["id"])
        if before is not None and before.revision == item["revision"]:
            cameras.append(before)
            continue
        try:
            cameras.append(CameraConfiguration.model_validate(item))
        except ValidationError as error:
            problems[int(item["id"])] = problem_of(error)
    return ActiveCameras(tuple(cameras), frozenset(problems), problems)


def problem_of(error: ValidationError) -> str:
    """Return the first invalid field and the correct form, but never the value, which may be secret."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "configuration"
    # Our own validators may quote their input; pydantic's messages do not.
    return f"{place}: {'is not valid' if first['type'] == 'value_error' else first['msg']}"


def _configuration(response: httpx.Response) -> Fetched[CameraConfiguration]:
    etag = response.headers.get("etag", "")
    if response.status_code == httpx.codes.NOT_MODIFIED:
        return Fetched(None, etag)
    return Fetched(CameraConfiguration.model_validate(response.json()), etag)


def _task_event(line: str) -> TaskEvent | None:
    """Parse one line of the stream; None for other lines, and for tasks of a newer API."""
    if not line.startswith("data:"):
        return None
    try:
        return TaskEvent.model_validate_json(line.removeprefix("data:"))
    except ValidationError:
        return None


def uses_tls(url: str) -> bool:
    """Return whether the server's certificate must be verified. Without TLS, loading the CAs costs 2 MB and 0.1 s."""
    return urlsplit(url).scheme == "https"


def _options(base_url: str, token: str, ca_file: Path | None = None) -> dict[str, Any]:
    verify: ssl.SSLContext | bool = uses_tls(base_url)
    if verify and ca_file is not None:
        verify = ssl.create_default_context(cafile=ca_file)
    return {
        "base_url": base_url.rstrip("/"),
        "headers": {"Authorization": f"Token {token}", "Accept": "application/json"},
        "timeout": TIMEOUT,
        "follow_redirects": False,
        "verify": verify,
    }


class ApiClient:
    """The client for threads; one instance can be shared. Every method raises `ApiError`.

    `ca_file`: the only certificates (PEM) that are trusted for the API; None: the public CAs. Raises OSError or
    `ssl.SSLError` if it contains none.
    """

    def __init__(self, base_url: str, token: str, ca_file: Path | None = None) -> None:
        self._http = httpx.Client(**_options(base_url, token, ca_file))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def active_cameras(self, group: str = "", etag: str = "") -> Fetched[ActiveCameras]:
        """Return all active cameras (or those of `group`) with credentials."""
        return _active_cameras(self._send(_fetch("/api/active-cameras/", etag, {"group": group} if group else None)))

    def camera_configuration(self, camera_id: int, etag: str = "") -> Fetched[CameraConfiguration]:
        """Return one camera's configuration; 404 if the camera is inactive, deleted or not this token's."""
        return _configuration(self._send(_fetch(f"/api/cameras/{camera_id}/configuration/", etag)))

    def send_alert(self, alert: AlertSubmission, image_jpeg: bytes | None) -> bool:
        """Store the alert; return whether it is new.

        During an upgrade, a backend of the previous version gets the alert without the fields that it does not know.
        """
        try:
            answer = self._send(_send_alert(alert, image_jpeg))
        except ApiError as error:
            known = alert.model_copy(update=dict.fromkeys(NEW_FIELDS))
            if error.status != httpx.codes.BAD_REQUEST or known == alert:
                raise
            answer = self._send(_send_alert(known, image_jpeg))
        return answer.status_code == httpx.codes.CREATED

    def send_image(self, picture: ImageSubmission, image_jpeg: bytes) -> None:
        """Replace the image of a stored alert. Safe to repeat."""
        self._send(_send_image(picture, image_jpeg))

    def send_clip(self, clip: ClipSubmission, content_mp4: bytes) -> bool:
        """Store the clip of a stored alert; return whether it is new."""
        return self._send(_send_clip(clip, content_mp4)).status_code == httpx.codes.CREATED

    def heartbeat(self, camera_id: int, heartbeat: Heartbeat) -> None:
        """Report a camera's health."""
        self._send(_heartbeat(camera_id, heartbeat))

    def task_events(self) -> Iterator[TaskEvent | None]:
        """Yield tasks for the detector as they arrive; None regularly, so that the caller can check other conditions.

        Ends when the API ends the stream, about every ten minutes: call it again.
        """
        request = _Request("GET", "/api/errands/", {"Accept": "text/event-stream"}, {})
        try:
            with self._http.stream("GET", request.path, headers=request.headers, timeout=TASKS_TIMEOUT) as answer:
                if not answer.is_success:
                    answer.read()
                _check(request, answer)
                for line in answer.iter_lines():
                    yield _task_event(line)
        except httpx.HTTPError as error:
            raise _unreachable(request, error) from error

    def claim_task(self, task_id: UUID) -> ClaimedTask:
        """Claim the task; 409 if another detector has it."""
        answer = self._send(_Request("POST", f"/api/errands/{task_id}/claim/", {}, {}))
        return ClaimedTask.model_validate(answer.json())

    def task_recording(self, task_id: UUID) -> bytes:
        """Return the recorded file that a claimed task is about."""
        request = _Request("GET", f"/api/errands/{task_id}/recording/", {"Accept": "*/*"}, {})
        try:
            answer = self._http.get(request.path, headers=request.headers)
            if answer.is_redirect:  # to S3, which must not receive the token
                answer = httpx.get(answer.headers["location"], timeout=TIMEOUT)
        except httpx.HTTPError as error:
            # The link is a secret, so no text of the error.
            raise ApiError(f"{request.method} {request.path}: {type(error).__name__}") from None
        return _check(request, answer).content

    def send_task_result(self, task_id: UUID, result: TaskResult, snapshot_jpeg: bytes | None = None) -> None:
        """Send the result of a claimed task."""
        files: dict[str, Any] = {"result": (None, result.model_dump_json())}
        if snapshot_jpeg is not None:
            files["snapshot"] = ("snapshot.jpg", snapshot_jpeg, "image/jpeg")
        self._send(_Request("POST", f"/api/errands/{task_id}/answer/", {}, {"files": files}))

    def export_configuration(self) -> dict[str, Any]:
        """Return the user's cameras as one document, without credentials."""
        request = _Request("GET", "/api/configuration/", {}, {"timeout": CONFIGURATION_TIMEOUT})
        return cast("dict[str, Any]", self._send(request).json())

    def apply_configuration(
        self, cameras: Sequence[Mapping[str, Any]], sites: Sequence[Mapping[str, Any]] = (), *, is_dry_run: bool
    ) -> AppliedConfiguration:
        """Create sites and write the user's cameras by name, all or none; return what was, or would be, done."""
        document = {"cameras": cameras, "dry_run": is_dry_run, **({"sites": sites} if sites else {})}
        body = {"json": document, "timeout": CONFIGURATION_TIMEOUT}
        answer = self._send(_Request("POST", "/api/configuration/", {}, body))
        return AppliedConfiguration.model_validate_json(answer.content)

    def rows(self, path: str) -> list[dict[str, Any]]:
        """Return the rows of all pages of a list, such as `/api/cameras/`."""
        found: list[dict[str, Any]] = []
        query: Mapping[str, Any] = {"page_size": HEALTH_PAGE_SIZE}
        while True:
            page = self._send(_Request("GET", path, {}, {"params": query, "timeout": CONFIGURATION_TIMEOUT})).json()
            found += page["results"]
            if not page.get("next"):
                return found
            query = dict(httpx.URL(page["next"]).params)

    def notification_channels(self) -> list[dict[str, Any]]:
        """Return the channels that the server offers, with the fields of their targets."""
        return cast("list[dict[str, Any]]", self._send(_fetch("/api/notifications/channels/", "")).json())

    def save_subscription(self, values: Mapping[str, Any], subscription_id: int | None = None) -> None:
        """Create the user's subscription, or change the given fields of an existing one."""
        body = {"json": values, "timeout": CONFIGURATION_TIMEOUT}  # Apprise loads its plug-ins to check a URL
        path = "/api/notifications/" + (f"{subscription_id}/" if subscription_id is not None else "")
        self._send(_Request("POST" if subscription_id is None else "PATCH", path, {}, body))

    def send_frame(self, camera_id: int, jpeg: bytes, taken_at: float, masks: str = "") -> None:
        """Send a live frame; `taken_at` is Unix time, `masks` the `masks_digest` of those that are black in it."""
        headers = {"Content-Type": "image/jpeg", "X-Timestamp": f"{taken_at:.3f}"}
        if masks:
            headers[MASKS_HEADER] = masks
        self._send(_Request("POST", f"/api/cameras/{camera_id}/frames/", headers, {"content": jpeg}))

    def register_recordings(self, camera_id: int, batch: RecordingBatch) -> RegisteredRecordings:
        """Add stored segments, and gaps, to the index. Safe to repeat."""
        path = f"/api/cameras/{camera_id}/recordings/"
        answer = self._send(_Request("POST", path, {}, {"json": batch.model_dump(mode="json")}))
        return RegisteredRecordings.model_validate(answer.json())

    def recording_uploads(self, camera_id: int, order: UploadOrder) -> Uploads:
        """Return signed URLs for segments; none if the API's media are in a directory."""
        path = f"/api/cameras/{camera_id}/recordings/uploads/"
        return Uploads.model_validate(self._send(_Request("POST", path, {}, {"json": order.model_dump()})).json())

    def _send(self, request: _Request) -> httpx.Response:
        try:
            response = self._http.request(request.method, request.path, headers=request.headers, **request.body)
        except httpx.HTTPError as error:
            raise _unreachable(request, error) from error
        return _check(request, response)


class AsyncApiClient:
    """The client for asyncio. Every method raises `ApiError`.

    `cluster`: for which one asks for cameras and their tokens; None: for none.
    """

    def __init__(self, base_url: str, token: str, cluster: ClusterQuery | None = None) -> None:
        self._http = httpx.AsyncClient(**_options(base_url, token))
        self._cluster: dict[str, str] = cluster.model_dump(exclude_defaults=True) if cluster is not None else {}
        self._last: Fetched[ActiveCameras] = Fetched(None, "")
        self.certificate_expiry_timestamp_seconds = 0.0
        """Expiry of the API's current certificate (Unix time); 0 without TLS."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self._http.aclose()

    async def active_cameras(self, etag: str = "") -> Fetched[ActiveCameras]:
        """Return the active cameras with credentials: those of the cluster, or all.

        With the entity tag of the last answer, the API sends only what has changed since, if it knows that for
        certain. The result has all cameras in any case.
        """
        last = self._last.value if etag and etag == self._last.etag else None
        request = _fetch("/api/active-cameras/", etag, self._cluster, are_changes_enough=last is not None)
        response = await self._send(request)
        if last is not None and response.status_code == httpx.codes.IM_USED:
            fetched = _changed_cameras(response, last)
        else:
            known = self._last.value.cameras if self._last.value is not None else ()
            fetched = _active_cameras(response, {found.id: found for found in known})
        if fetched.value is not None:
            self._last = fetched
        return fetched

    async def release_cameras(self, released: Collection[int]) -> tuple[int, ...]:
        """State that nothing of these cameras is left in the cluster; return those that it must still release."""
        body = CameraReleases(released=tuple(sorted(released)[:RELEASES_AT_ONCE])).model_dump(mode="json")
        request = _Request("POST", "/api/camera-releases/", {}, {"json": body, "params": self._cluster})
        return PendingReleases.model_validate((await self._send(request)).json()).cameras

    async def active_cameras_page(self, following: str = "") -> bytes:
        """Return one page of the active cameras with health and alert totals, as JSON.

        `following`: the field `next` of the page before; empty for the first.
        """
        query: Mapping[str, Any] = {"is_active": "true", "page_size": HEALTH_PAGE_SIZE}
        if following:
            query = dict(httpx.URL(following).params)
        return (await self._send(_Request("GET", "/api/cameras/", {}, {"params": query}))).content

    async def camera(self, camera_id: int) -> CameraSummary:
        """Return one camera, active or not, with its health."""
        response = await self._send(_Request("GET", f"/api/cameras/{camera_id}/", {}, {}))
        return CameraSummary.model_validate(response.json())

    async def registered_resources(self, source: str) -> list[RegisteredResource]:
        """Return the registered resources of one cluster and namespace."""
        request = _Request("GET", "/api/camera-resources/", {}, {"params": {"source": source}})
        return [RegisteredResource.model_validate(item) for item in (await self._send(request)).json()]

    async def register_resource(self, uid: str, registration: ResourceRegistration) -> RegisteredResource:
        """Create or update the camera of a resource."""
        body = registration.to_json() | {"rtsp_url": registration.rtsp_url.get_secret_value()}
        response = await self._send(_Request("PUT", f"/api/camera-resources/{uid}/", {}, {"json": body}))
        return RegisteredResource.model_validate(response.json())

    async def unregister_resource(self, uid: str, policy: DeletionPolicy | None = None) -> None:
        """Release or delete the camera of a resource, if there is one; without a policy, by the registered one."""
        options = {"params": {"deletion_policy": policy.value}} if policy is not None else {}
        await self._send(_Request("DELETE", f"/api/camera-resources/{uid}/", {}, options))

    async def report_resources(self, states: ResourceStates) -> None:
        """Report the state of cameras' resources. Safe to repeat."""
        body = states.model_dump(mode="json")
        await self._send(_Request("POST", "/api/camera-resources/status/", {}, {"json": body}))

    async def issue_detector_tokens(self, camera_ids: Collection[int]) -> dict[int, str]:
        """Return new detector tokens by camera; earlier tokens of these cameras expire soon.

        At most `TOKENS_AT_ONCE`. Cameras that the API does not know, or that another cluster runs, are missing.
        """
        try:
            body = {"json": {"cameras": sorted(camera_ids)}, "params": self._cluster}
            response = await self._send(_Request("POST", "/api/detector-tokens/", {}, body))
        except ApiError as error:
            if error.status != httpx.codes.NOT_FOUND:
                raise
            # One of them was deleted concurrently, or the API has the previous version.
            return await self._issue_one_by_one(camera_ids)
        return {int(camera_id): str(token) for camera_id, token in response.json()["tokens"].items()}

    async def _issue_one_by_one(self, camera_ids: Collection[int]) -> dict[int, str]:
        tokens: dict[int, str] = {}
        for camera_id in camera_ids:
            try:
                path = f"/api/cameras/{camera_id}/detector-token/"
                answer = await self._send(_Request("POST", path, {}, {"params": self._cluster}))
            except ApiError as error:
                if error.status != httpx.codes.NOT_FOUND:
                    raise
            else:
                tokens[camera_id] = str(answer.json()["token"])
        return tokens

    async def _send(self, request: _Request) -> httpx.Response:
        try:
            response = await self._http.request(request.method, request.path, headers=request.headers, **request.body)
        except httpx.HTTPError as error:
            raise _unreachable(request, error) from error
        self.certificate_expiry_timestamp_seconds = _certificate_expiry(response)
        return _check(request, response)


def _certificate_expiry(response: httpx.Response) -> float:
    stream = response.extensions.get("network_stream")
    tls = stream.get_extra_info("ssl_object") if stream is not None else None
    certificate = tls.getpeercert() if tls is not None else None
    return float(ssl.cert_time_to_seconds(certificate["notAfter"])) if certificate else 0.0
