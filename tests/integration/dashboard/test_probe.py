"""A camera's address is tried by a real detector while one types, and its picture is there before it is saved."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.integration.dashboard.conftest import Visit
from tests.integration.services.detector import detector
from tests.integration.services.made_clips import make_clip
from tests.integration.services.rtsp import RtspServer, gst_rtsp_server

from vigil_contracts.names import REASON_TEXTS, Reason

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[RtspServer]:
    """A camera that asks for a password."""
    with gst_rtsp_server(make_clip(tmp_path / "clip.mp4"), plays=0, username="anna", password="pass") as server:
        yield server


def test_an_address_is_tried_while_one_types(visit: Visit, camera: RtspServer, tmp_path: Path) -> None:
    page, token = visit.page, visit.server.token(visit.user.username, "pipeline")
    with detector(tmp_path / "cctv", api_url=visit.server.url, token=token):
        visit.open("/dashboard/cameras/add/")
        words, picture = page.locator("[data-probe-text]"), page.locator("[data-probe] img")
        expect(words).to_be_hidden()

        page.get_by_label("RTSP address").fill(camera.url.replace("pass", "wrong"))
        expect(words).to_contain_text(REASON_TEXTS[Reason.STREAM_UNAUTHORIZED], timeout=60_000)
        expect(picture).to_be_hidden()

        page.get_by_label("RTSP address").fill(camera.url)
        expect(words).to_have_text("It works: 320 × 192, h264", timeout=60_000)
        expect(picture).to_be_visible()
        assert picture.evaluate("image => image.naturalWidth") == 320

    with visit.api() as api:
        assert api.get("/api/cameras/").json()["results"] == []
