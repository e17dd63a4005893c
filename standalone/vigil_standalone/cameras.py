"""Register cameras through the REST API, like any user."""

import itertools
import ssl
from collections.abc import Iterator
from typing import Any

import httpx

from vigil_contracts.stream_url import MASK, mask_stream_url
from vigil_standalone.address_book import AddressBook


class RegistrationError(Exception):
    """The API rejected a camera; the message contains its text and no credentials."""


def _is_address_of(row: dict[str, Any], rtsp_url: str) -> bool:
    """Return whether a camera's masked URL is this address; one with a masked path or query never matches."""
    known, shown = (url.replace(f"{MASK}@", "", 1) for url in (row["rtsp_url"] or "", mask_stream_url(rtsp_url)))
    return MASK not in shown and known == shown


class Cameras:
    """The cameras of the token's user."""

    def __init__(self, base_url: str, token: str, verify: ssl.SSLContext | bool = True) -> None:
        headers = {"Authorization": f"Token {token}"}
        self._http = httpx.Client(base_url=base_url, headers=headers, timeout=10, verify=verify)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def ensure(self, name: str, rtsp_url: str, **fields: Any) -> str:
        """Create or update the camera `name`, active, with this URL. Return `added` or `known`."""
        known = self.find(name)
        body = {"name": name, "rtsp_url": rtsp_url, "is_active": True, **fields}
        if known is None:
            self._send("POST", "/api/cameras/", body, rtsp_url)
            return "added"
        self._send("PATCH", f"/api/cameras/{known['id']}/", body, rtsp_url)
        return "known"

    def ensure_address(self, rtsp_url: str, base_name: str, book: AddressBook) -> tuple[str, bool]:
        """Ensure that an active camera with this address exists. Return its name, and whether it was added.

        A camera with the same address keeps its name and takes the URL's credentials; the API shows no credentials,
        so they cannot be compared. A new camera is called `base_name`, or `base_name 2` and so on.
        """
        rows = list(self._rows())
        known_id = book.find(rtsp_url)
        known = next((row for row in rows if row["id"] == known_id or _is_address_of(row, rtsp_url)), None)
        if known is not None:
            self._send("PATCH", f"/api/cameras/{known['id']}/", {"rtsp_url": rtsp_url, "is_active": True}, rtsp_url)
            return known["name"], False
        names = {row["name"] for row in rows}
        candidates = itertools.chain([base_name], (f"{base_name} {number}" for number in itertools.count(2)))
        name = next(candidate for candidate in candidates if candidate not in names)
        body = {"name": name, "rtsp_url": rtsp_url, "is_active": True}
        book.remember(rtsp_url, self._send("POST", "/api/cameras/", body, rtsp_url).json()["id"])
        return name, True

    def deactivate(self, name: str) -> None:
        """Deactivate the camera if it exists."""
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
