"""Registers cameras through the REST API, as any user would."""

from collections.abc import Iterator
from typing import Any

import httpx

from vigil_contracts.stream_url import mask_stream_url


class RegistrationError(Exception):
    """The API refused a camera; the message holds its words and no credentials."""


class Cameras:
    """The cameras of the token's user."""

    def __init__(self, base_url: str, token: str) -> None:
        self._http = httpx.Client(base_url=base_url, headers={"Authorization": f"Token {token}"}, timeout=10)

    def close(self) -> None:
        """Closes the connection."""
        self._http.close()

    def ensure(self, name: str, rtsp_url: str, **fields: Any) -> str:
        """Makes the camera `name` exist, active, with this URL. Returns `added` or `known`."""
        known = self.find(name)
        body = {"name": name, "rtsp_url": rtsp_url, "is_active": True, **fields}
        if known is None:
            self._send("POST", "/api/cameras/", body, rtsp_url)
            return "added"
        self._send("PATCH", f"/api/cameras/{known['id']}/", body, rtsp_url)
        return "known"

    def deactivate(self, name: str) -> None:
        """Switches the camera off if there is one."""
        known = self.find(name)
        if known is not None and known["is_active"]:
            self._send("POST", f"/api/cameras/{known['id']}/deactivate/")

    def find(self, name: str) -> dict[str, Any] | None:
        """Return the camera of that name."""
        return next((row for row in self._rows() if row["name"] == name), None)

    def _rows(self) -> Iterator[dict[str, Any]]:
        """Yield every camera, from all pages of the list."""
        url: str | None = "/api/cameras/"
        while url:
            page = self._send("GET", url).json()
            yield from page if isinstance(page, list) else page["results"]
            url = None if isinstance(page, list) else page.get("next")

    def _send(self, method: str, url: str, body: dict[str, Any] | None = None, rtsp_url: str = "") -> httpx.Response:
        camera = f" for {mask_stream_url(rtsp_url)}" if rtsp_url else ""
        try:
            response = self._http.request(method, url, json=body)
        except httpx.HTTPError as error:
            raise RegistrationError(f"the API does not answer{camera}: {type(error).__name__}: {error}") from error
        if not response.is_success:
            raise RegistrationError(f"the API answered {response.status_code}{camera}: {response.text[:300]}")
        return response
