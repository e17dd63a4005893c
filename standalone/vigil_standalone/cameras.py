"""Registers cameras through the REST API, as any user would."""

from typing import Any, cast

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
            self._check(self._http.post("/api/cameras/", json=body), rtsp_url)
            return "added"
        self._check(self._http.patch(f"/api/cameras/{known['id']}/", json=body), rtsp_url)
        return "known"

    def deactivate(self, name: str) -> None:
        """Switches the camera off if there is one."""
        known = self.find(name)
        if known is not None and known["is_active"]:
            self._check(self._http.post(f"/api/cameras/{known['id']}/deactivate/"), "")

    def find(self, name: str) -> dict[str, Any] | None:
        """The camera of that name, from whichever page of the list it is on."""
        url: str | None = "/api/cameras/"
        while url:
            answer = self._http.get(url)
            self._check(answer, "")
            page = answer.json()
            rows = page if isinstance(page, list) else page["results"]
            for row in rows:
                if row["name"] == name:
                    return cast("dict[str, Any]", row)
            url = None if isinstance(page, list) else page.get("next")
        return None

    @staticmethod
    def _check(response: httpx.Response, rtsp_url: str) -> None:
        if response.is_success:
            return
        camera = f" for {mask_stream_url(rtsp_url)}" if rtsp_url else ""
        raise RegistrationError(f"the API answered {response.status_code}{camera}: {response.text[:300]}")
