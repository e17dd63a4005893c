"""The wall: live frames of visible tiles with few requests, and reasons for cameras without video."""

import io
import threading
import time
from contextlib import suppress

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, Route, ViewportSize, expect
from tests.integration.dashboard.conftest import PHONE, SignIn, Visit, Watcher, snapshot_jpeg

from vigil_contracts.api_client import ApiClient, ApiError
from vigil_contracts.names import REASON_TEXTS, Reason

pytestmark = pytest.mark.timeout(300)  # on a busy machine the start of a backend alone takes a minute

SIDES = """
(one) => {
  const range = document.createRange();
  range.selectNodeContents(one);
  const { left, right } = range.getBoundingClientRect();
  return [left, right];
}
"""
"""Where the text of an element begins and ends; the element itself may be narrower."""


class Pictures:
    """Answers the wall's requests instead of detectors, and records them."""

    def __init__(self, page: Page) -> None:
        self.asked: list[int] = []
        self.streams: list[int] = []
        self.most_at_once = 0
        self._running = 0
        self._content = snapshot_jpeg()
        page.route("**/api/cameras/*/snapshot/", self._snapshot)
        page.route("**/api/cameras/*/live/", self._live)
        page.on("request", self._began)
        page.on("requestfinished", self._ended)
        page.on("requestfailed", self._ended)

    def _began(self, request: object) -> None:
        if str(getattr(request, "url", "")).endswith("/snapshot/"):
            self._running += 1
            self.most_at_once = max(self.most_at_once, self._running)

    def _ended(self, request: object) -> None:
        if str(getattr(request, "url", "")).endswith("/snapshot/"):
            self._running -= 1

    def _snapshot(self, route: Route) -> None:
        self.asked.append(int(route.request.url.split("/")[-3]))
        route.fulfill(body=self._content, content_type="image/jpeg")

    def _live(self, route: Route) -> None:
        self.streams.append(int(route.request.url.split("/")[-3]))
        route.fulfill(body=self._content, content_type="image/jpeg")


def add_cameras(visit: Visit, watcher: Watcher, count: int) -> list[int]:
    ids = []
    for number in range(count):
        ids.append(
            visit.server.add_camera(visit.user.token, name=f"Camera {number:02}", rtsp_url="rtsp://192.0.2.7/1")
        )
        watcher.report(ids[-1], "Streaming", "Streaming")
    return ids


def test_only_visible_tiles_request_frames_a_few_at_a_time(visit: Visit, watcher: Watcher) -> None:
    ids = add_cameras(visit, watcher, 24)
    pictures = Pictures(visit.page)
    visit.open("/dashboard/cameras/?columns=2")
    expect(visit.page.locator('[data-shows="now"]').nth(3)).to_be_visible()
    visit.page.wait_for_timeout(1500)
    assert ids[0] in pictures.asked
    assert ids[-1] not in pictures.asked
    assert 0 < pictures.most_at_once <= 3
    assert pictures.streams == []
    visit.page.locator(".tile").last.scroll_into_view_if_needed()
    expect(visit.page.locator(f"#camera-{ids[-1]} [data-shows='now']")).to_be_visible()
    seen = len(pictures.asked)
    visit.page.wait_for_timeout(1500)
    assert ids[0] not in pictures.asked[seen + 3 :], "what was scrolled away asks no more"


def test_few_tiles_use_streams_that_survive_polls(visit: Visit, watcher: Watcher) -> None:
    ids = add_cameras(visit, watcher, 2)
    pictures = Pictures(visit.page)
    visit.open("/dashboard/cameras/")
    picture = visit.page.locator(f"#camera-{ids[0]} [data-live]")
    expect(picture).to_have_attribute("src", f"/api/cameras/{ids[0]}/live/")
    watcher.send_alert(ids[0], picture=False)
    expect(visit.page.locator(f"#camera-{ids[0]} .tile-alert")).to_contain_text("Person")
    assert picture.get_attribute("src") == f"/api/cameras/{ids[0]}/live/"
    assert pictures.streams.count(ids[0]) == 1


def test_failed_cameras_come_first_with_their_reason(visit: Visit, watcher: Watcher) -> None:
    fine, broken = add_cameras(visit, watcher, 2)
    watcher.report(broken, "Failed", "StreamUnauthorized")
    pictures = Pictures(visit.page)
    visit.open("/dashboard/cameras/")
    tiles = visit.page.locator(".tile")
    expect(tiles.first).to_contain_text(REASON_TEXTS[Reason.STREAM_UNAUTHORIZED])
    visit.page.get_by_text("Needs attention", exact=True).click()
    visit.page.wait_for_url("**shown=trouble**")
    expect(tiles).to_have_count(1)
    watcher.report(broken, "Streaming", "Streaming")
    expect(visit.page.get_by_text("No cameras need attention")).to_be_visible()
    assert set(pictures.asked) <= {fine}


@pytest.mark.parametrize("size", [{"width": 1280, "height": 800}, PHONE], ids=["desktop", "phone"])
def test_a_long_reason_begins_inside_its_tile_and_row(sign_in: SignIn, watcher: Watcher, size: ViewportSize) -> None:
    """A URL without a place to break was cut at both sides, and a long text at its beginning."""
    address = f"https://models.example/{'releases' * 20}/yolov8n.pt"
    with sign_in(size=size) as visit:
        (camera_id,) = add_cameras(visit, watcher, 1)
        watcher.report(camera_id, "Failed", "ModelInvalid", message=f"{'It cannot be loaded. ' * 12}{address}")
        Pictures(visit.page)
        for path, outer, inner in (
            ("cameras/", ".tile", ".tile-empty > span"),
            ("", ".camera-row", ".camera-reason"),
        ):
            visit.open(f"/dashboard/{path}")
            text = visit.page.locator(inner).first
            expect(text).to_contain_text(address)
            box, frame = text.bounding_box(), visit.page.locator(outer).first.bounding_box()
            assert box is not None
            assert frame is not None
            assert box["y"] >= frame["y"], path
            width = text.evaluate(SIDES)
            assert frame["x"] <= width[0] <= width[1] <= frame["x"] + frame["width"], path


def test_tile_is_enlarged_and_closed_by_a_key(visit: Visit, watcher: Watcher) -> None:
    (camera_id,) = add_cameras(visit, watcher, 1)
    Pictures(visit.page)
    visit.open("/dashboard/cameras/")
    visit.page.get_by_role("button", name="Enlarge Camera 00").focus()
    visit.page.keyboard.press("Enter")
    dialog = visit.page.get_by_role("dialog", name="Camera 00")
    expect(dialog.locator("img")).to_have_attribute("src", f"/api/cameras/{camera_id}/live/")
    visit.page.keyboard.press("Escape")
    expect(visit.page.locator("#enlarged img")).not_to_have_attribute("src", "/.*/")


def test_the_wall_fills_the_screen(visit: Visit, watcher: Watcher) -> None:
    add_cameras(visit, watcher, 9)
    Pictures(visit.page)
    visit.open("/dashboard/cameras/")
    visit.page.get_by_role("button", name="Full screen").click()
    expect(visit.page.locator("#wall-stage.is-full")).to_be_visible()
    boxes = [tile.bounding_box() for tile in visit.page.locator(".tile").all()]
    lowest = max(box["y"] + box["height"] for box in boxes if box is not None)
    assert lowest <= visit.page.evaluate("innerHeight")
    assert len({round(box["x"]) for box in boxes if box is not None}) == 3, "nine tiles fill it as three by three"


def test_on_a_phone_nothing_is_cut_off(sign_in: SignIn, watcher: Watcher) -> None:
    with sign_in(size=PHONE) as visit:
        ids = add_cameras(visit, watcher, 3)
        watcher.report(ids[2], "Failed", "StreamUnauthorized")
        Pictures(visit.page)
        for query in ("", "?columns=8"):
            visit.open(f"/dashboard/cameras/{query}")
            expect(visit.page.locator(".tile")).to_have_count(3)
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_wall_shows_live_frames_of_a_detector(visit: Visit, watcher: Watcher) -> None:
    camera_id = add_cameras(visit, watcher, 1)[0]
    ended = threading.Event()

    def send() -> None:
        # Simulate a detector: send images of changing colour through the real backend to the browser.
        with ApiClient(watcher.server.url, watcher.token) as client:
            shade = 0
            while not ended.wait(0.2):
                shade = (shade + 40) % 256
                with suppress(ApiError):  # as a detector, which goes on with the next image
                    client.send_frame(camera_id, plain_jpeg((shade, 90, 160)), time.time())

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    try:
        visit.open("/dashboard/cameras/")
        picture = visit.page.locator(f"#camera-{camera_id} [data-live]")
        expect(picture).to_have_attribute("src", f"/api/cameras/{camera_id}/live/")
        visit.page.wait_for_function("image => image.naturalWidth === 320", arg=picture.element_handle())
        shades = set()
        for _ in range(60):
            visit.page.wait_for_timeout(150)
            shades.add(red_of(picture))
            if len(shades) >= 3:
                break
        assert len(shades) >= 3, f"the picture moves: {shades}"
    finally:
        ended.set()
        sender.join(10)


def plain_jpeg(colour: tuple[int, int, int]) -> bytes:
    """An image of 320 x 192 in one colour."""
    output = io.BytesIO()
    Image.new("RGB", (320, 192), colour).save(output, format="JPEG")
    return output.getvalue()


def red_of(picture: Locator) -> int:
    """Return the redness of the image that the browser currently shows, 0 to 255."""
    return int(
        picture.evaluate(
            """image => {
                const canvas = document.createElement("canvas");
                canvas.width = canvas.height = 1;
                const context = canvas.getContext("2d");
                context.drawImage(image, 0, 0, 1, 1);
                return context.getImageData(0, 0, 1, 1).data[0];
            }"""
        )
    )
