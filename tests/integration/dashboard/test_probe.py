"""A real detector tests a camera's URL while it is typed, and shows an image before saving."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.cluster.polling import eventually
from tests.integration.dashboard.conftest import Visit
from tests.integration.services.detector import detector
from tests.integration.services.made_clips import make_clip
from tests.integration.services.onvif_camera import OnvifCamera, onvif_camera
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

        # One start of the detector for all that the browser asks of it.
        account = {"username": camera.username, "password": camera.password}
        with onvif_camera(rtsp_port=camera.port, path=camera.path, sub_path="/sub", **account) as device:
            find_streams_by_address(visit, camera, device)
            control_camera(visit, camera, device)


def find_streams_by_address(visit: Visit, camera: RtspServer, device: OnvifCamera) -> None:
    """Fill in the form by the camera's address and password."""
    page = visit.page
    visit.open("/dashboard/cameras/add/")
    page.get_by_text("Add by address (ONVIF)").click()
    page.get_by_label("Address", exact=True).fill("127.0.0.1")
    page.get_by_label("Port", exact=True).fill(str(device.port))
    page.get_by_label("User name").fill(camera.username)
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Find streams").click()
    answer = page.locator("[data-device-text]")
    expect(answer).to_contain_text("rejects the user name or password", timeout=60_000)

    page.get_by_label("Password").fill(camera.password)
    page.get_by_label("Password").press("Enter")
    expect(answer).to_contain_text("Example C-7 · 1920 × 1080, h264 · sub-stream 640 × 360", timeout=60_000)
    expect(page.locator("#id_rtsp_url")).to_have_value(camera.url)
    expect(page.locator("#id_stream_path")).to_have_value("/sub")
    expect(page.locator("#id_onvif_port")).to_have_value(str(device.port))
    expect(page.locator("#id_name")).to_have_value("Example C-7")
    expect(page.locator("[data-probe-text]")).to_have_text("Connected: 320 × 192, h264", timeout=60_000)


def control_camera(visit: Visit, camera: RtspServer, device: OnvifCamera) -> None:
    """Move the camera, call a preset and switch a relay on its page."""
    page = visit.page
    detection = {"source": "onvif", "onvif_port": device.port}
    camera_id = visit.server.add_camera(visit.user.token, name="Door", rtsp_url=camera.url, detection=detection)
    visit.open(f"/dashboard/cameras/{camera_id}/")
    page.get_by_text("Camera control").click()
    page.get_by_role("button", name="Turn left").click(timeout=60_000)
    eventually(lambda: device.done == [("move", "-0.500", "0.000", "0.000", "PT0.5S")], timeout_seconds=30)
    page.get_by_label("Preset").select_option("Gate")
    page.get_by_role("button", name="Go to preset").click()
    page.get_by_role("button", name="Relay relay0: Off").click()
    eventually(
        lambda: sorted(device.done[1:]) == [("preset", "1"), ("relay", "relay0", "inactive")], timeout_seconds=30
    )
