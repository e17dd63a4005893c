"""`CAMERA=` adds a camera per address, against a fake of the REST API."""

import json
from pathlib import Path

import httpx
import pytest

from vigil_contracts.stream_url import mask_stream_url
from vigil_standalone.address_book import AddressBook
from vigil_standalone.cameras import Cameras, RegistrationError


class Api:
    """Two pages of cameras without credentials; records writes."""

    def __init__(self) -> None:
        self.rows: list[dict[str, object]] = []
        self.urls: dict[int, str] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            start = int(request.url.params.get("start", 0))
            following = f"http://api/api/cameras/?start={start + 1}" if start + 1 < len(self.rows) else None
            return httpx.Response(200, json={"results": self.rows[start : start + 1], "next": following})
        body = json.loads(request.content)
        if request.method == "POST":
            self.rows.append({"id": len(self.rows), **body})
            row = self.rows[-1]
        else:
            row = self.rows[int(request.url.path.rstrip("/").rpartition("/")[2])]
            row.update(body)
        self.urls[int(str(row["id"]))] = body["rtsp_url"]
        row["rtsp_url"] = mask_stream_url(body["rtsp_url"])
        return httpx.Response(200, json=row)


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def cameras(api: Api) -> Cameras:
    made = Cameras("http://api", "token")
    made._http = httpx.Client(base_url="http://api", transport=httpx.MockTransport(api))
    return made


@pytest.fixture
def book(tmp_path: Path) -> AddressBook:
    return AddressBook(tmp_path / "camera-addresses.json", "key")


def test_cameras_with_equal_masked_paths_are_distinct(api: Api, cameras: Cameras, tmp_path: Path) -> None:
    url = "rtsp://10.0.0.8/user={}_password=tlJwpbo6_channel=1_stream=0.sdp"
    for number, user in enumerate(("anna", "ben")):
        book = AddressBook(tmp_path / f"{number}.json", "key")  # as if the first were of another book
        assert cameras.ensure_address(url.format(user), "My camera", book)[1]
    assert "tlJwpbo6" not in str(api.rows)


def test_only_unknown_addresses_are_added(api: Api, cameras: Cameras, book: AddressBook) -> None:
    assert cameras.ensure_address("rtsp://u:a@gate/1", "My camera", book) == ("My camera", True)
    assert cameras.ensure_address("rtsp://u:a@yard/1", "My camera", book) == ("My camera 2", True)
    api.rows[1]["name"] = "Yard"
    assert cameras.ensure_address("rtsp://u:new@yard/1", "My camera", book) == ("Yard", False)
    assert cameras.ensure_address("rtsp://gate/1", "My camera", book) == ("My camera", False)
    assert api.urls == {0: "rtsp://gate/1", 1: "rtsp://u:new@yard/1"}
    assert len(api.rows) == 2


def test_channels_of_a_recorder_are_separate_cameras(api: Api, cameras: Cameras, book: AddressBook) -> None:
    assert cameras.ensure_address("rtsp://u:a@nvr/live?channel=1", "My camera", book) == ("My camera", True)
    assert cameras.ensure_address("rtsp://u:a@nvr/live?channel=2", "My camera", book) == ("My camera 2", True)
    assert cameras.ensure_address("rtsp://u:new@nvr/live?channel=1", "My camera", book) == ("My camera", False)
    assert len(api.rows) == 2
    assert "channel" not in book.path.read_text()


def test_camera_with_an_unreadable_url_is_skipped(api: Api, cameras: Cameras, book: AddressBook) -> None:
    api.rows.append({"id": 0, "name": "My camera", "rtsp_url": None})
    assert cameras.ensure_address("rtsp://gate/1", "My camera", book) == ("My camera 2", True)


def test_unreachable_api_error_hides_the_password(cameras: Cameras, book: AddressBook) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    cameras._http = httpx.Client(base_url="http://api", transport=httpx.MockTransport(refuse))
    with pytest.raises(RegistrationError, match="the API does not answer: ConnectError: refused"):
        cameras.ensure_address("rtsp://u:marked-password@gate/1", "My camera", book)
