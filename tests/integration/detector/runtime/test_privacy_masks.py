"""No unmasked pixel in anything that a viewer can fetch: real camera, detector and backend, decoded frames."""

import io
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import pytest
import yaml
from PIL import Image
from tests.cluster.polling import eventually
from tests.integration.services.backend import BackendServer, BackendUser, backend_server
from tests.integration.services.detector import detector
from tests.integration.services.rtsp import RtspServer, gst_rtsp_server

from vigil_apps.evidence.core.keys import new_key

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

ROOT = Path(__file__).parents[4]
MASK_WIDTH = 0.25
MASK = [[0.0, 0.0], [MASK_WIDTH, 0.0], [MASK_WIDTH, 1.0], [0.0, 1.0]]
"""The left quarter; the person stands further right."""
SHOWN_PREFIXES = ("image/", "video/", "multipart/x-mixed-replace", "application/zip")
DERIVED = {
    "/api/errands/{task_id}/recording/": "gives a detector the stored file from which it takes a frame",
}


class MaskedCamera:
    """A camera with a mask that a detector watches, and its owner's requests."""

    def __init__(self, backend: BackendServer, owner: BackendUser, server: RtspServer, number: int) -> None:
        self.backend, self.owner, self.server, self.number = backend, owner, server, number

    def get(self, path: str) -> httpx.Response:
        with self.backend.client(self.owner.token) as client:
            answer = client.get(path)
            assert answer.is_success, answer.text
            return answer

    def first_alert(self, wanted: str) -> int:
        """Return the id of an alert with `image` or `clip`."""
        found: list[int] = []

        def is_there() -> bool:
            listed = self.get(f"/api/alerts/?camera={self.number}").json()["results"]
            found[:] = [one["id"] for one in listed if one[wanted]]
            return bool(found)

        eventually(is_there, 90, f"an alert has its {wanted}")
        return found[0]

    def alert_image(self) -> list[Any]:
        return [picture(self.get(f"/api/alerts/{self.first_alert('image')}/image/").content)]

    def thumbnail(self) -> list[Any]:
        alert_id = self.first_alert("image")
        with self.backend.client(follow_redirects=False) as browser:
            browser.get("/dashboard/login/")
            entered = {"username": self.owner.username, "password": self.owner.password}
            token = {"csrfmiddlewaretoken": browser.cookies["csrftoken"]}
            browser.post("/dashboard/login/", data={**entered, **token}, headers={"Referer": self.backend.url})
            answer = browser.get(f"/dashboard/alerts/{alert_id}/thumbnail/")
            assert answer.headers["content-type"] == "image/jpeg"
            return [picture(answer.content)]

    def archive(self) -> list[Any]:
        """Return all frames and images of an export of a case with an alert, its clip and a period."""
        alert = self.first_alert("clip")
        begin = datetime.fromtimestamp(int(self.segment_name().removesuffix(".mp4")) / 1000, UTC)
        period = {"start": begin.isoformat(), "end": (begin + timedelta(seconds=8)).isoformat()}
        with self.backend.client(self.owner.token) as client:
            case = f"/api/cases/{client.post('/api/cases/', json={'title': 'Masked'}).json()['id']}/"
            for item in ({"alert": alert}, {"camera": self.number, **period}):
                client.post(f"{case}items/", json=item).raise_for_status()
            export = f"{case}exports/{client.post(f'{case}exports/').json()['id']}/"
            eventually(lambda: client.get(export).json()["state"] == "done", 60, "the case is exported")
            packed = zipfile.ZipFile(io.BytesIO(client.get(f"{export}archive.zip").content))
        shown: dict[str, list[Any]] = {}
        for name in packed.namelist():
            if name.endswith((".jpg", ".mp4")):
                content = packed.read(name)
                shown[name] = [picture(content)] if name.endswith(".jpg") else frames(content)
        kinds = sorted({one.rsplit("/", 1)[-1].split("-")[0] + one[-4:] for one in shown})
        assert kinds == ["alert.jpg", "alert.mp4", "camera.mp4"]
        assert all(shown.values())
        return [one for found in shown.values() for one in found]

    def alert_clip(self) -> list[Any]:
        return frames(self.get(f"/api/alerts/{self.first_alert('clip')}/clip/").content)

    def snapshot(self) -> list[Any]:
        return [picture(self.get(f"/api/cameras/{self.number}/snapshot/").content)]

    def live(self) -> list[Any]:
        path, read = f"/api/cameras/{self.number}/live/", b""
        with self.backend.client(self.owner.token) as client, client.stream("GET", path) as answer:
            for part in answer.iter_bytes():
                read += part
                if read.count(b"\xff\xd9") >= 3:
                    break
        return [
            picture(b"\xff\xd8" + one.split(b"\xff\xd8", 1)[1] + b"\xff\xd9") for one in read.split(b"\xff\xd9")[:3]
        ]

    def probe(self) -> list[Any]:
        with self.backend.client(self.owner.token) as client:
            where = client.post(f"/api/cameras/{self.number}/probe/").headers["location"]
        eventually(lambda: self.get(where).json()["state"] == "done", 60, "the test of the stream is over")
        return [picture(self.get(self.get(where).json()["snapshot"]).content)]

    def segment_name(self) -> str:
        path, lines = f"/api/cameras/{self.number}/recordings/", list[str]()
        begin, end = (f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(time.time() + at))}" for at in (-600, 600))

        def is_there() -> bool:
            playlist = self.get(f"{path}playlist.m3u8?from={begin}&to={end}").text
            lines[:] = [line for line in playlist.splitlines() if ".mp4" in line and not line.startswith("#")]
            return bool(lines)

        eventually(is_there, 90, "a segment is stored")
        return lines[0].rsplit("/", 1)[-1].split("?")[0]

    def recording(self) -> list[Any]:
        return frames(self.get(f"/api/cameras/{self.number}/recordings/{self.segment_name()}").content)

    def recorded_image(self, kind: str) -> list[Any]:
        at = datetime.fromtimestamp(int(self.segment_name().removesuffix(".mp4")) / 1000 + 1, UTC)
        path = f"/api/cameras/{self.number}/recordings/{kind}/"
        return [picture(self.get(f"{path}?at={at:%Y-%m-%dT%H:%M:%SZ}").content)]

    def recorded_frame(self) -> list[Any]:
        return self.recorded_image("frame")

    def preview(self) -> list[Any]:
        return self.recorded_image("preview")


FETCHED: dict[str, Callable[[MaskedCamera], list[Any]]] = {
    "/api/alerts/{alert_id}/image/": MaskedCamera.alert_image,
    "/api/alerts/{alert_id}/clip/": MaskedCamera.alert_clip,
    "/api/cases/{case_id}/exports/{export_id}/archive.zip": MaskedCamera.archive,
    "/api/cameras/{camera_id}/snapshot/": MaskedCamera.snapshot,
    "/api/cameras/{camera_id}/live/": MaskedCamera.live,
    "/api/cameras/{camera_id}/recordings/{start_ms}.mp4": MaskedCamera.recording,
    "/api/cameras/{camera_id}/recordings/frame/": MaskedCamera.recorded_frame,
    "/api/cameras/{camera_id}/recordings/preview/": MaskedCamera.preview,
    "/api/probes/{probe_id}/snapshot/": MaskedCamera.probe,
}


PAGES: dict[str, Callable[[MaskedCamera], list[Any]]] = {"thumbnail": MaskedCamera.thumbnail}
"""Images of the dashboard that the API does not have."""


def picture(jpeg: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("L"))


def frames(content: bytes) -> list[Any]:
    with av.open(io.BytesIO(content), "r") as file:
        return [frame.to_ndarray(format="gray") for frame in file.decode(video=0)]


def assert_masked(shown: list[Any], path: str) -> None:
    assert shown, path
    for one in shown:
        edge = round(one.shape[1] * MASK_WIDTH)
        # JPEG and H.264 blur the edge of the mask over a block.
        assert one[:, : edge - 8].max() < 48, path
        assert one[:, edge + 16 :].mean() > 60, f"{path}: what is not masked is there"


@pytest.fixture(scope="module")
def masked(model_folder: Path, standing: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MaskedCamera]:
    directory = tmp_path_factory.mktemp("masked")
    with backend_server(directory / "backend", environment={"VIGIL_EVIDENCE_KEY": new_key()}) as backend:
        yield from masked_camera(backend, directory, model_folder, standing)


def masked_camera(
    backend: BackendServer, directory: Path, model_folder: Path, standing: Path
) -> Iterator[MaskedCamera]:
    anna, token = backend.create_user("anna"), backend.token("anna", "pipeline")
    settings = {
        "VIGIL_MODEL": str(model_folder),
        "VIGIL_FROZEN_AFTER_SECONDS": "0",
        "VIGIL_CLIP_SECONDS_AFTER": "1",
        "VIGIL_RECORDING_DIR": str(backend.media),
    }
    with (
        gst_rtsp_server(standing, plays=0) as server,
        detector(directory / "cctv", api_url=backend.url, token=token, settings=settings) as cctv,
    ):
        detection = {"classes": ["person"], "privacy_masks": [MASK]}
        recording = {"mode": "continuous"}
        number = backend.add_camera(
            anna.token, name="masked", rtsp_url=server.url, detection=detection, recording=recording
        )
        camera = MaskedCamera(backend, anna, server, number)
        eventually(lambda: cctv.metric("vigil_stream_up", camera=str(number)) == 1, 60, "frames arrive")
        yield camera


def test_all_images_and_videos_of_the_api_are_known_here() -> None:
    """A new endpoint with images or video must be added to `FETCHED`."""
    document = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text())
    serving = {
        path
        for path, methods in document["paths"].items()
        for answer in methods.get("get", {}).get("responses", {}).values()
        for media_type in answer.get("content", {})
        if media_type.startswith(SHOWN_PREFIXES)
    }
    assert serving == FETCHED.keys() | DERIVED.keys()


@pytest.mark.parametrize("path", [*FETCHED, *PAGES])
def test_what_a_viewer_fetches_is_masked(masked: MaskedCamera, path: str) -> None:
    assert_masked((FETCHED | PAGES)[path](masked), path)


def test_a_new_mask_takes_effect_on_the_next_frames(masked: MaskedCamera) -> None:
    wide, begun = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]], masked.server.plays
    stored = f"/api/alerts/{masked.first_alert('image')}/image/"
    kept = masked.get(stored).content
    masked.snapshot()  # the backend keeps this frame for a second
    with masked.backend.client(masked.owner.token) as client:
        changed = {"detection": {"classes": ["person"], "privacy_masks": [wide]}}
        client.patch(f"/api/cameras/{masked.number}/", json=changed).raise_for_status()
        ends_at, seen = time.monotonic() + 12, 0
        while time.monotonic() < ends_at and seen < 5:
            answer = client.get(f"/api/cameras/{masked.number}/snapshot/")
            assert answer.status_code in {200, 503}, answer.text
            if answer.status_code == 200:
                # A box may be drawn around an object that was seen before, so a few pixels are bright.
                assert np.quantile(picture(answer.content), 0.9) < 48, "no frame with the former masks"
                seen += 1
        assert seen, "live frames go on"
    assert masked.get(stored).content == kept, "what is stored stays"
    eventually(lambda: masked.server.plays > begun, 60, "the detector has connected again")
    since = time.time()

    def shown_since() -> httpx.Response | None:
        answer = masked.get(f"/api/cameras/{masked.number}/snapshot/")
        return answer if float(answer.headers["x-timestamp"]) > since else None

    eventually(lambda: shown_since() is not None, 30, "a frame was taken since")
    last = shown_since()
    assert last is not None
    assert picture(last.content).max() < 48
