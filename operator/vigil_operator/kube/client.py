"""The one place that talks to the API server, but for kopf's watches.

Requests go through the transport of `kubernetes.aio` (its configuration, TLS and token refresh) as plain
dictionaries: decisions are made over manifests, and models of every field would cost a core at ten thousand cameras.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextvars import ContextVar
from typing import Any, Protocol, Self
from urllib.parse import urlencode

import aiohttp
import msgspec
from kubernetes.aio import client as kubernetes_client

from vigil_contracts.stream_url import redact
from vigil_contracts.version import vigil_version
from vigil_operator.core.names import (
    CLAIM_MANAGER,
    FIELD_MANAGER,
    FINALIZER,
    LABEL_MANAGED_BY,
    MANAGED_BY_KUBECTL,
    REQUEST_MANAGER,
    STATUS_MANAGER,
)
from vigil_operator.core.observed import Camera, DetectorClass, Key
from vigil_operator.kube.kinds import BY_NAME, CAMERA, DETECTOR_CLASS, Kind
from vigil_operator.kube.listing import Listing, WatchEvent

Body = dict[str, Any]

REQUEST_TIMEOUT_SECONDS = 20.0
PAGE_SIZE = 500
"""As `kubectl` lists. The answers for ten thousand objects at once would take hundreds of megabytes."""

WATCH_SECONDS = 240
"""The server ends a watch after this time; the next one continues from the last version."""

INACTIVITY_TIMEOUT_SECONDS = 75
"""The server sends a bookmark each minute: a watch that receives nothing for longer is dead."""

APPLY_PATCH = "application/apply-patch+yaml"
JSON_PATCH = "application/json-patch+json"
TOO_MANY_REQUESTS = 429
MAX_ANSWER_LENGTH = 1000


_fence_of_request: ContextVar[Callable[[], None] | None] = ContextVar("fence_of_request", default=None)


def _fence_at_the_socket() -> aiohttp.TraceConfig:
    """Check the fence again when a request has its connection.

    A request may have waited for one, and the process may have been frozen in the meantime; from here to the socket
    there is no other pause.
    """

    async def check(*_: object) -> None:
        fence = _fence_of_request.get()
        if fence is not None:
            fence()

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(check)
    trace.on_connection_reuseconn.append(check)
    return trace


class KubeError(Exception):
    """The API server could not be reached (`status` is None) or refused. The message holds no object's content."""

    def __init__(
        self,
        message: str,
        status: int | None = None,
        retry_after_seconds: float | None = None,
        *,
        answer: str = "",
        is_write: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_seconds = retry_after_seconds
        self.answer = answer
        """The API server's own words; empty if it gave none."""
        self.is_write = is_write

    def without(self, secrets: list[str]) -> Self:
        """Return the same error without these values."""
        return type(self)(
            redact(str(self), secrets),
            self.status,
            self.retry_after_seconds,
            answer=redact(self.answer, secrets),
            is_write=self.is_write,
        )

    @property
    def is_refusal(self) -> bool:
        """Whether the API server answered a write, and not merely that it has no time for it."""
        return self.is_write and self.status is not None and self.status != TOO_MANY_REQUESTS

    @property
    def is_objection(self) -> bool:
        """Whether the API server objects to what was sent, and not to its time or place."""
        return self.is_refusal and self.status in {400, 403, 422}

    @property
    def reason(self) -> str:
        """A bounded vocabulary, for metrics."""
        known = {
            400: "invalid",
            403: "forbidden",
            404: "not_found",
            409: "conflict",
            422: "invalid",
            429: "throttled",
        }
        if self.status is None:
            return "unreachable"
        return known.get(self.status, "server_error" if self.status >= 500 else "refused")


class Transport(Protocol):
    """One HTTP request: `(status, headers, body)`."""

    async def request(
        self, method: str, path: str, content_type: str, body: object | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Send a request. Raises `KubeError` without a response."""

    def lines(self, path: str) -> AsyncIterator[bytes]:
        """Yield the lines of a watch until the server ends it. Raises `KubeError` if it is refused or breaks."""

    async def close(self) -> None:
        """Closes the connections."""


class AioTransport:
    """The transport of the official client.

    `identity` is this replica's, so that the API server's audit log tells replicas of one service account apart.
    """

    def __init__(self, configuration: Any, identity: str = "") -> None:
        configuration.trace_configs = [_fence_at_the_socket()]
        self._api = kubernetes_client.ApiClient(configuration)
        # What stands before a `/` names the field manager where a request does not.
        self._api.user_agent = f"{FIELD_MANAGER}/{vigil_version()} ({identity})" if identity else FIELD_MANAGER

    async def request(
        self, method: str, path: str, content_type: str, body: object | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        """See `Transport`."""
        headers = {"Accept": "application/json", "Content-Type": content_type}
        try:
            prepared = await self._api.param_serialize(
                method, path, header_params=headers, auth_settings=["BearerToken"]
            )
            response = await self._api.call_api(
                prepared[0], prepared[1], prepared[2], body, _request_timeout=REQUEST_TIMEOUT_SECONDS
            )
            data: bytes = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise KubeError(f"{method} {path.partition('?')[0]}: {type(error).__name__}") from error
        return response.status, response.headers, data

    async def lines(self, path: str) -> AsyncIterator[bytes]:
        """See `Transport`."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=INACTIVITY_TIMEOUT_SECONDS)
        try:
            prepared = await self._api.param_serialize(
                "GET", path, header_params={"Accept": "application/json"}, auth_settings=["BearerToken"]
            )
            answer = await self._api.call_api(prepared[0], prepared[1], prepared[2], _request_timeout=timeout)
            async with answer.response as response:
                if response.status >= 300:
                    _check("GET", path, response.status, response.headers, await response.read())
                rest = b""
                async for chunk in response.content.iter_any():
                    *lines, rest = (rest + chunk).split(b"\n")
                    for line in lines:
                        yield line
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise KubeError(f"GET {path.partition('?')[0]}: {type(error).__name__}") from error

    async def close(self) -> None:
        """See `Transport`."""
        await self._api.close()


class KubeClient:
    """Reads, and writes under our field manager. Before each write `fence` may raise: only a leader writes."""

    def __init__(self, transport: Transport, fence: Callable[[], None] = lambda: None) -> None:
        self._transport = transport
        self._fence = fence

    async def close(self) -> None:
        """Closes the connections."""
        await self._transport.close()

    async def get(self, kind: Kind, key: Key) -> Body | None:
        """Return one object; None if it does not exist."""
        try:
            return await self._read(kind.path(key.namespace, key.name))
        except KubeError as error:
            if error.status == 404:
                return None
            raise

    async def list_all(self, kind: Kind, namespace: str = "", selector: str = "", fields: str = "") -> Listing:
        """Return all objects of a kind. Raises `KubeError`."""
        pages = [page async for page in self.pages(kind, namespace, selector, fields)]
        return Listing([item for page in pages for item in page.items], pages[0].resource_version)

    async def pages(
        self, kind: Kind, namespace: str = "", selector: str = "", fields: str = ""
    ) -> AsyncIterator[Listing]:
        """Yield all objects of a kind in pages of one resource version. Raises `KubeError`."""
        query = {"limit": str(PAGE_SIZE)} | ({"labelSelector": selector} if selector else {})
        query |= {"fieldSelector": fields} if fields else {}
        while True:
            page = await self._page(f"{kind.path(namespace)}?{urlencode(query)}")
            yield page
            if not page.continue_token:
                return
            query["continue"] = page.continue_token

    async def _page(self, path: str) -> Listing:
        status, headers, data = await self._transport.request("GET", path, "application/json", None)
        if status >= 300:
            _check("GET", path, status, headers, data)
        try:
            return Listing.read(data)
        except ValueError:
            # Taken for an empty list it would mean that all cameras are gone.
            raise KubeError(f"GET {path.partition('?')[0]}: the answer is no list") from None

    async def watch(self, kind: Kind, namespace: str, selector: str, since: str) -> AsyncIterator[WatchEvent]:
        """Yield what happens after the resource version `since`, until the server ends the watch.

        Raises `KubeError`: with status 410 if `since` is too old, so that all must be listed again.
        """
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": since,
            "timeoutSeconds": str(WATCH_SECONDS),
        } | ({"labelSelector": selector} if selector else {})
        path = kind.path(namespace)
        async for line in self._transport.lines(f"{path}?{urlencode(query)}"):
            if not line:
                continue
            try:
                event = WatchEvent.read(line)
            except ValueError:
                raise KubeError(f"GET {path}: the answer is no event of a watch") from None
            if event.type == "ERROR":
                raise KubeError(f"GET {path}: the watch ended with {event.error_code}", event.error_code)
            yield event

    async def get_document(self, path: str) -> Body:
        """Return the JSON document at a path that is no object, such as `/openapi/v3/…`. Raises `KubeError`."""
        return await self._read(path)

    async def apply(self, manifest: Mapping[str, Any]) -> Body:
        """Server-side apply: sets what the manifest says, takes back what an earlier one said, leaves the rest."""
        metadata = manifest["metadata"]
        path = BY_NAME[manifest["kind"]].path(metadata.get("namespace", ""), metadata["name"])
        return await self._apply(path, manifest, FIELD_MANAGER)

    async def try_apply(self, manifest: Mapping[str, Any]) -> None:
        """Let the API server check a manifest without storing it. Raises `KubeError` with its objections."""
        metadata = manifest["metadata"]
        path = BY_NAME[manifest["kind"]].path(metadata.get("namespace", ""), metadata["name"])
        query = urlencode({"fieldManager": FIELD_MANAGER, "force": "true", "dryRun": "All"})
        await self._write("PATCH", f"{path}?{query}", APPLY_PATCH, manifest)

    async def apply_status(self, kind: Kind, key: Key, uid: str, status: Mapping[str, Any]) -> Body:
        """Write the status of a Camera or DetectorClass. If it was created again, `uid` causes a conflict."""
        metadata = {"name": key.name, "uid": uid} | ({"namespace": key.namespace} if kind.namespaced else {})
        manifest = {
            "apiVersion": f"{kind.group}/{kind.version}",
            "kind": kind.name,
            "metadata": metadata,
            "status": status,
        }
        return await self._apply(kind.path(key.namespace, key.name, "status"), manifest, STATUS_MANAGER)

    async def request_rollout(self, found: DetectorClass, request: Mapping[str, str]) -> None:
        """Write `status.rolloutRequest` of a class, beside what the operator writes. Raises `KubeError`."""
        manifest = {
            "apiVersion": f"{DETECTOR_CLASS.group}/{DETECTOR_CLASS.version}",
            "kind": DETECTOR_CLASS.name,
            "metadata": {"name": found.key.name, "uid": found.meta.uid},
            "status": {"rolloutRequest": dict(request)},
        }
        await self._apply(DETECTOR_CLASS.path(name=found.key.name, subresource="status"), manifest, REQUEST_MANAGER)

    async def claim(self, camera: Camera) -> Body:
        """Add our finalizer and the owner label to a kubectl camera."""
        return await self._apply_claim(camera, [FINALIZER])

    async def release(self, camera: Camera) -> None:
        """Remove our finalizer; an already deleted camera is not an error."""
        try:
            await self._apply_claim(camera, [])
        except KubeError as error:
            if error.status not in {404, 409}:
                raise

    async def _apply_claim(self, camera: Camera, finalizers: list[str]) -> Body:
        manifest = {
            "apiVersion": f"{CAMERA.group}/{CAMERA.version}",
            "kind": CAMERA.name,
            "metadata": {
                "name": camera.key.name,
                "namespace": camera.key.namespace,
                "uid": camera.meta.uid,
                "labels": {LABEL_MANAGED_BY: MANAGED_BY_KUBECTL},
                "finalizers": finalizers,
            },
        }
        return await self._apply(CAMERA.path(camera.key.namespace, camera.key.name), manifest, CLAIM_MANAGER)

    async def replace_spec(self, kind: Kind, key: Key, spec: Mapping[str, Any]) -> Body:
        """Replace `spec`; fields added by others are removed."""
        patch = [{"op": "replace", "path": "/spec", "value": spec}]
        path = f"{kind.path(key.namespace, key.name)}?{urlencode({'fieldManager': FIELD_MANAGER})}"
        return await self._write("PATCH", path, JSON_PATCH, patch)

    async def create(self, kind: Kind, body: Mapping[str, Any]) -> Body:
        """POST; a conflict where the name is taken."""
        return await self._write("POST", kind.path(body["metadata"].get("namespace", "")), "application/json", body)

    async def replace(self, kind: Kind, body: Mapping[str, Any]) -> Body:
        """PUT; a conflict where the object has changed since its `resourceVersion`."""
        metadata = body["metadata"]
        path = kind.path(metadata.get("namespace", ""), metadata["name"])
        return await self._write("PUT", path, "application/json", body)

    async def delete(self, kind: Kind, key: Key, uid: str) -> bool:
        """Delete the object, and its dependants in the background; return False if it was deleted or replaced."""
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": uid},
        }
        try:
            await self._write("DELETE", kind.path(key.namespace, key.name), "application/json", options)
        except KubeError as error:
            if error.status in {404, 409}:
                return False
            raise
        return True

    async def _apply(self, path: str, manifest: Mapping[str, Any], manager: str) -> Body:
        query = urlencode({"fieldManager": manager, "force": "true"})
        return await self._write("PATCH", f"{path}?{query}", APPLY_PATCH, manifest)

    async def _read(self, path: str) -> Body:
        return _check("GET", path, *await self._transport.request("GET", path, "application/json", None))

    async def _write(self, method: str, path: str, content_type: str, body: object) -> Body:
        token = _fence_of_request.set(self._fence)
        try:
            self._fence()
            return _check(method, path, *await self._transport.request(method, path, content_type, body))
        finally:
            _fence_of_request.reset(token)


def _check(method: str, path: str, status: int, headers: Mapping[str, str], data: bytes) -> Body:
    parsed = _parse(data)
    if status < 300:
        return parsed
    retry_after = headers.get("Retry-After", "")
    # A refusal may quote the object (a Secret's data never, a spec's value sometimes): only its first line is kept.
    answer = str(parsed.get("message", "")).partition("\n")[0][:MAX_ANSWER_LENGTH]
    raise KubeError(
        f"{method} {path.partition('?')[0]}: {status} {answer[:300]}".strip(),
        status,
        float(retry_after) if retry_after.isdigit() else None,
        answer=answer,
        is_write=method != "GET",
    )


def _parse(data: bytes) -> Body:
    try:
        parsed = msgspec.json.decode(data)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
