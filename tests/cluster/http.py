"""Thin JSON clients for the API server, for the helpers of the test cluster.

The stand-in kubelet reports a thousand pods while the operator is measured on the same two cores. The `kubernetes`
package needs about 1 ms of CPU per pod for model objects, plain JSON almost nothing.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import tempfile
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import yaml

Document = dict[str, Any]
"""A Kubernetes object as JSON."""

STRATEGIC = "application/strategic-merge-patch+json"
MERGE = "application/merge-patch+json"


class ApiError(RuntimeError):
    """The API server rejected a request. `code` is the HTTP status, `reason` the Status object's reason."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(f"{code} {reason}: {message}")
        self.code = code
        self.reason = reason


@dataclass(frozen=True)
class Access:
    """One user's access to an API server: the content of a kubeconfig for an HTTP client."""

    server: str
    authority: str
    context: ssl.SSLContext
    headers: Mapping[str, str]

    @classmethod
    def from_kubeconfig(cls, path: Path) -> Access:
        """Read the current context. Raises ValueError for a user without client certificate or token."""
        document = yaml.safe_load(path.read_text())
        context = _named(document["contexts"], document["current-context"])["context"]
        cluster = _named(document["clusters"], context["cluster"])["cluster"]
        user = _named(document["users"], context["user"])["user"]
        authority = _pem(cluster, "certificate-authority", path)
        tls = ssl.create_default_context(cadata=authority)
        if "token" in user:
            return cls(cluster["server"], authority, tls, {"Authorization": f"Bearer {user['token']}"})
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as both:
            both.write(_pem(user, "client-certificate", path) + "\n" + _pem(user, "client-key", path))
            both.flush()
            tls.load_cert_chain(both.name)
        return cls(cluster["server"], authority, tls, {})


class KubernetesHttp:
    """Blocking requests. Thread-safe."""

    def __init__(self, access: Access, user_agent: str) -> None:
        headers = {**access.headers, "User-Agent": user_agent}
        self._client = httpx.Client(
            base_url=access.server, verify=access.context, headers=headers, timeout=30, trust_env=False
        )

    def get(self, path: str, **query: str) -> Document:
        return _document(self._client.get(path, params=query))

    def create(self, path: str, body: Mapping[str, Any]) -> Document:
        return _document(self._client.post(path, json=body))

    def patch(self, path: str, body: Mapping[str, Any], *, kind: str = STRATEGIC) -> Document:
        return _document(self._client.patch(path, content=json.dumps(body), headers={"Content-Type": kind}))

    def delete(self, path: str, body: Mapping[str, Any] | None = None) -> Document:
        return _document(self._client.request("DELETE", path, json=body))

    def is_ready(self) -> bool:
        """Return whether /readyz returns 200."""
        try:
            return self._client.get("/readyz", timeout=2).is_success
        except httpx.HTTPError:
            return False

    def close(self) -> None:
        self._client.close()


class AsyncKubernetesHttp:
    """Requests of the stand-in kubelet. Create it in the event loop that uses it.

    Uses aiohttp, which needs a fifth of httpx's CPU time per request.
    """

    def __init__(self, access: Access, user_agent: str) -> None:
        self._session = aiohttp.ClientSession(
            base_url=access.server,
            connector=aiohttp.TCPConnector(ssl=access.context),
            headers={**access.headers, "User-Agent": user_agent},
            timeout=aiohttp.ClientTimeout(total=30),
            read_bufsize=8 * 1024**2,  # the longest line of a watch, that is the largest object
        )

    async def get(self, path: str, **query: str) -> Document:
        async with self._session.get(path, params=query) as response:
            await _check(response)
            document: Document = await response.json()
            return document

    async def patch(self, path: str, body: Mapping[str, Any], *, kind: str = STRATEGIC) -> None:
        async with self._session.patch(path, data=json.dumps(body), headers={"Content-Type": kind}) as response:
            await _check(response)

    async def delete(self, path: str, body: Mapping[str, Any]) -> None:
        async with self._session.delete(path, json=body) as response:
            await _check(response)

    async def watch(self, path: str, resource_version: str, **query: str) -> AsyncGenerator[Document, None]:
        """Yield watch events ({type, object}) until the server ends the watch. Raises ApiError, for 410 Gone too."""
        query |= {"watch": "true", "resourceVersion": resource_version, "timeoutSeconds": "300"}
        timeout = aiohttp.ClientTimeout(total=330)
        async with self._session.get(path, params=query, timeout=timeout) as response:
            await _check(response)
            async for line in response.content:
                event: Document = json.loads(line)
                if event["type"] == "ERROR":
                    raise _error(event["object"])
                yield event

    async def close(self) -> None:
        await self._session.close()
        await asyncio.sleep(0.25)  # aiohttp's documentation: TLS connections need a moment to close


async def _check(response: aiohttp.ClientResponse) -> None:
    if response.status >= 400:
        raise _error(_status(response.status, str(response.reason), await response.text()))


def _document(response: httpx.Response) -> Document:
    _raise_for_error(response)
    document: Document = response.json()
    return document


def _raise_for_error(response: httpx.Response) -> None:
    if response.is_error:
        raise _error(_status(response.status_code, response.reason_phrase, response.text))


def _status(code: int, reason: str, text: str) -> Document:
    """Return the Status object of a rejected request; created here if the response is plain text, as from a proxy."""
    try:
        status = json.loads(text)
    except ValueError:
        status = None
    return {"code": code, **(status if isinstance(status, dict) else {"reason": reason, "message": text[:300]})}


def _error(status: Document) -> ApiError:
    return ApiError(int(status.get("code", 500)), str(status.get("reason", "")), str(status.get("message", "")))


def _named(entries: list[Document], name: str) -> Document:
    return next(entry for entry in entries if entry["name"] == name)


def _pem(section: Document, field: str, path: Path) -> str:
    """Return a certificate or key of a kubeconfig, embedded (`…-data`, base64) or in a file."""
    if f"{field}-data" in section:
        return base64.b64decode(section[f"{field}-data"]).decode()
    if field in section:
        return path.parent.joinpath(section[field]).read_text()
    raise ValueError(f"{path}: its current context has no {field}")
