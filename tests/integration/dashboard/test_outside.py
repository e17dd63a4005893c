"""External servers: a media server's video, and Web Push.

The video is real WebRTC (WHEP), sent by another page, and HLS written by FFmpeg.
"""

import base64
import itertools
import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Browser, expect
from tests.cluster.polling import eventually
from tests.integration.dashboard.conftest import SignIn
from tests.integration.services.backend import BackendServer, backend_server

# On a busy machine the start of a backend alone takes a minute.
pytestmark = pytest.mark.timeout(300)

SENDER = """
async () => {
  const canvas = document.createElement("canvas");
  canvas.width = 320; canvas.height = 180;
  let step = 0;
  setInterval(() => {
    const brush = canvas.getContext("2d");
    brush.fillStyle = `hsl(${step++ % 360} 80% 50%)`;
    brush.fillRect(0, 0, 320, 180);
  }, 50);
  const offer = await (await fetch("/offer")).text();
  const connection = window.connection = new RTCPeerConnection();
  await connection.setRemoteDescription({ type: "offer", sdp: offer });
  for (const track of canvas.captureStream(20).getTracks()) connection.addTrack(track);
  await connection.setLocalDescription(await connection.createAnswer());
  while (connection.iceGatheringState !== "complete") await new Promise((done) => setTimeout(done, 20));
  await fetch("/answer", { method: "POST", body: connection.localDescription.sdp });
}
"""


class LiveHls(threading.Thread):
    """Writes a camera's HLS live: ten frames a second, with a playlist of the last segments."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.folder, self.stopped = folder, threading.Event()

    def run(self) -> None:
        wanted = {"hls_time": "1", "hls_list_size": "6", "hls_flags": "delete_segments+temp_file"}
        with av.open(str(self.folder / "index.m3u8"), "w", format="hls", options=wanted) as output:
            stream = output.add_stream("libx264", rate=10, options={"g": "10", "preset": "ultrafast", "bf": "0"})
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height, stream.pix_fmt = 320, 192, "yuv420p"
            for number in itertools.count():
                picture = np.full((192, 320, 3), 25 * (number % 10), dtype=np.uint8)
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, 10)
                output.mux(stream.encode(frame))
                if self.stopped.wait(0.1):
                    break


class MediaServer(ThreadingHTTPServer):
    """A WHEP endpoint at `/camera-…/whep` that forwards offers to the sending page and returns its answers.

    What is in `hls` is at `/hls/camera-…/`.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.offers: queue.Queue[str] = queue.Queue()
        self.answers: queue.Queue[str] = queue.Queue()
        self.requests: list[tuple[str, str, str]] = []
        self.hls: Path | None = None
        self.is_away = False


class _Handler(BaseHTTPRequestHandler):
    server: MediaServer

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base class's name
        pass

    def do_OPTIONS(self) -> None:
        self._answer(204, "")

    def do_GET(self) -> None:
        if self.path.startswith("/hls/"):
            self._file(self.path.rpartition("/")[2])
        else:
            self._answer(200, self.server.offers.get(timeout=60) if self.path == "/offer" else "")

    def do_DELETE(self) -> None:
        self._note()
        self._answer(200, "")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path == "/answer":
            self.server.answers.put(body)
            return self._answer(204, "")
        self._note()
        if self.server.is_away:
            return self._answer(404, "")
        self.server.offers.put(body)
        answer = self.server.answers.get(timeout=60)
        return self._answer(201, answer, {"Content-Type": "application/sdp", "Location": "/session/1"})

    def _file(self, name: str) -> None:
        path = self.server.hls / name if self.server.hls else None
        if path is None or not path.is_file():
            self._answer(404, "")
        else:
            kind = "application/vnd.apple.mpegurl" if name.endswith(".m3u8") else "video/mp2t"
            self._answer(200, path.read_bytes(), {"Content-Type": kind})

    def _note(self) -> None:
        self.server.requests.append((self.command, self.path, self.headers.get("Content-Type", "")))

    def _answer(self, status: int, body: str | bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        cors = {"Origin": "*", "Methods": "*", "Headers": "*"}
        for name, value in cors.items():
            self.send_header(f"Access-Control-Allow-{name}", value)
        self.send_header("Access-Control-Expose-Headers", "Location")
        for name, value in (headers or {"Content-Type": "text/html"}).items():
            self.send_header(name, value)
        content = body.encode() if isinstance(body, str) else body
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def media_server() -> Iterator[MediaServer]:
    server = MediaServer()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def media() -> Iterator[MediaServer]:
    with media_server() as running:
        yield running


@pytest.fixture(scope="module")
def own(media: MediaServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackendServer]:
    """A backend with a media server and a key for Web Push."""
    environment = {
        "VIGIL_MEDIA_HLS_URL": f"http://127.0.0.1:{media.server_port}/hls/camera-{{camera}}/index.m3u8",
        "VIGIL_MEDIA_SERVER_URL": f"http://127.0.0.1:{media.server_port}/camera-{{camera}}/whep",
        "VIGIL_VAPID_KEY": base64.urlsafe_b64encode(b"\x01" * 32).decode(),
    }
    with backend_server(tmp_path_factory.mktemp("outside"), environment=environment) as running:
        yield running


PUSH_SERVICE = """
(keys) => {
  PushManager.prototype.subscribe = async (wanted) => {
    if (!wanted.userVisibleOnly || wanted.applicationServerKey.length !== 65) throw new Error("refused");
    return { toJSON: () => ({ endpoint: "https://93.184.216.34/push/1", expirationTime: null, keys }) };
  };
}
"""


def test_browser_subscribes_and_shows_push_messages(own: BackendServer, sign_in: SignIn) -> None:
    """Only the browser vendor's push service is simulated; messages are really encrypted, delivered and shown."""
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    keys = {"p256dh": _base64(point), "auth": _base64(bytes(16))}
    with sign_in(own.create_user("pushed"), own=own) as visit:
        page = visit.page
        page.context.grant_permissions(["notifications"], origin=own.url)
        page.add_init_script(f"({PUSH_SERVICE})({json.dumps(keys)})")
        visit.open("/dashboard/settings/notifications/")
        page.get_by_role("button", name="Notify this browser").click()
        expect(page.get_by_role("heading", name="This browser")).to_be_visible()
        with visit.api() as api:
            (stored,) = api.get("/api/notifications/").json()["results"]
        assert (stored["channel"], stored["is_active"]) == ("web_push", True)
        tools = page.context.new_cdp_session(page)
        registrations: list[str] = []
        tools.on(
            "ServiceWorker.workerRegistrationUpdated",
            lambda event: registrations.extend(one["registrationId"] for one in event["registrations"]),
        )
        tools.send("ServiceWorker.enable")
        for _ in range(100):
            page.wait_for_timeout(200)  # in which events are heard
            if registrations:
                break
        pushed = {"title": "Fire", "body": "Fire at Gate", "tag": "1", "url": f"{own.url}/dashboard/alerts/1/"}
        sent = {"origin": own.url, "registrationId": registrations[0], "data": json.dumps(pushed)}
        tools.send("ServiceWorker.deliverPushMessage", sent)
        shown = """
            async () => {
              const worker = await navigator.serviceWorker.getRegistration("/dashboard/");
              for (let left = 600; left; left -= 1) {
                const [one] = await worker.getNotifications();
                if (one) return [one.title, one.body, one.data.url];
                await new Promise((done) => setTimeout(done, 50));
              }
            }
        """
        assert page.evaluate(shown) == ["Fire", "Fire at Gate", pushed["url"]]


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def test_video_plays_ends_and_reports_its_absence(
    browser: Browser, own: BackendServer, media: MediaServer, sign_in: SignIn
) -> None:
    with sign_in(own.create_user("watching"), own=own) as visit:
        camera_id = own.add_camera(visit.user.token, name="Gate", rtsp_url="rtsp://192.0.2.7/1")
        sender = browser.new_page()
        sender.goto(f"http://127.0.0.1:{media.server_port}")
        visit.open(f"/dashboard/cameras/{camera_id}/")
        button = visit.page.get_by_role("button", name="Video")
        sender.evaluate(f"void ({SENDER})()")
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
        video = visit.page.locator("[data-video]")
        expect(video).to_be_visible()
        begun = video.evaluate("video => video.getVideoPlaybackQuality().totalVideoFrames")
        visit.page.wait_for_timeout(3000)  # two polls of the page, which must not interrupt the video
        expect(button).to_have_attribute("aria-pressed", "true")
        eventually(
            lambda: video.evaluate("video => video.getVideoPlaybackQuality().totalVideoFrames") > begun + 10,
            timeout_seconds=30,
        )
        assert video.evaluate("video => video.videoWidth") == 320
        button.click()
        expect(video).to_be_hidden()
        eventually(lambda: len(media.requests) == 2)  # the request is in flight, and the next one may overtake it
        media.is_away = True
        visit.problems.expected_statuses.add(404)
        button.click()
        expect(visit.page.get_by_text("The media server offers no video")).to_be_visible()
        sender.close()
    path = f"/camera-{camera_id}/whep"
    sdp = "application/sdp"
    assert media.requests == [("POST", path, sdp), ("DELETE", "/session/1", ""), ("POST", path, sdp)], json.dumps(
        media.requests
    )


def test_video_falls_back_from_webrtc_to_hls(
    own: BackendServer, media: MediaServer, sign_in: SignIn, tmp_path: Path
) -> None:
    media.is_away, media.hls = True, tmp_path
    writer = LiveHls(tmp_path)
    writer.start()
    with sign_in(own.create_user("far away"), own=own) as visit:
        visit.problems.expected_statuses.add(404)
        camera_id = own.add_camera(visit.user.token, name="Gate", rtsp_url="rtsp://192.0.2.7/1")
        eventually(lambda: len(list(tmp_path.glob("*.ts"))) > 3, timeout_seconds=60)
        visit.open(f"/dashboard/cameras/{camera_id}/")
        button = visit.page.get_by_role("button", name="Video")
        button.click()
        expect(visit.page.get_by_text("Playing over HLS, with a delay of a few seconds.")).to_be_visible()
        expect(button).to_have_attribute("aria-pressed", "true")
        video = visit.page.locator("[data-video]")
        expect(video).to_be_visible()
        begun = float(video.evaluate("video => video.currentTime"))
        visit.page.wait_for_timeout(3000)  # two polls of the page, which must leave the video alone
        expect(button).to_have_attribute("aria-pressed", "true")
        eventually(lambda: float(video.evaluate("video => video.currentTime")) > begun + 1, timeout_seconds=30)
        assert video.evaluate("video => [video.videoWidth, video.videoHeight]") == [320, 192]
        button.click()
        expect(video).to_be_hidden()
        assert video.evaluate("video => video.src") == ""
    writer.stopped.set()
    writer.join()
