"""A real detector tests a camera's URL while it is typed, and shows an image before saving."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.cluster.polling import eventually
from tests.integration.dashboard.conftest import Visit
from tests.integration.services.detector import detector
from tests.integration.services.made_clips import make_clip
from tests.integration.services.rtsp import RtspServer, gst_rtsp_server

from vigil_contracts.names import Reason

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[RtspServer]:
    """A camera that asks for a password."""
    with gst_rtsp_server(make_clip(tmp_path / "clip.mp4"), plays=0, username="anna", password="pass") as server:
        yield server


def is_heard(visit: Visit) -> bool:
    """Return whether a detector runs requested tests."""
    with visit.api() as api:
        asked = api.post("/api/probes/", json={"rtsp_url": "rtsp://127.0.0.1:9/x"}).raise_for_status()
        where = asked.headers["location"]
        eventually(lambda: api.get(where).raise_for_status().json()["state"] == "done", timeout_seconds=60)
        return bool(api.get(where).json()["result"]["reason"] == Reason.STREAM_UNREACHABLE)


def test_stream_is_tested_while_its_url_is_typed(visit: Visit, camera: RtspServer, tmp_path: Path) -> None:
    page, token = visit.page, visit.server.token(visit.user.username, "pipeline")
    with detector(tmp_path / "cctv", api_url=visit.server.url, token=token):
        eventually(
            lambda: is_heard(visit), timeout_seconds=90
        )  # before that, the page reports that no detector is connected
        visit.open("/dashboard/cameras/add/")
        words, picture = page.locator("[data-probe-text]"), page.locator("[data-probe] img")
        expect(words).to_be_hidden()

        page.get_by_label("RTSP URL").fill(camera.url.replace("pass", "wrong"))
        expect(words).to_contain_text(
            "The camera rejects the user name or password (RTSP status 401). Enter the camera's credentials again.",
            timeout=60_000,
        )
        expect(picture).to_be_hidden()

        page.get_by_label("RTSP URL").fill(camera.url)
        expect(words).to_have_text("Connected: 320 × 192, h264", timeout=60_000)
        expect(picture).to_be_visible()
        assert picture.evaluate("image => image.naturalWidth") == 320

    with visit.api() as api:
        assert api.get("/api/cameras/").json()["results"] == []
