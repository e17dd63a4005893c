"""Parts of the six people test: a stage with one camera, and the evaluation of its alerts."""

import contextlib
import io
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
import cv2
import httpx
import numpy as np
import numpy.typing as npt
import psycopg2
from tests.cluster.polling import eventually
from tests.integration.services.backend import BackendServer
from tests.integration.services.detector import DetectorProcess
from tests.integration.services.rtsp import RtspServer, gst_rtsp_server

from cctv.common.frame import Frame
from cctv.common.overlap import overlap
from cctv.detectors.model import Model
from cctv.metrics import STAGES

CLIP = "one-by-one-person-detection.mp4"
CLIP_SECONDS = 139.0
VISITS_SECONDS = ((6, 20), (23, 45), (50, 70), (75, 87), (92, 120), (124, 136))
"""When each of the six is in the frame, by eye."""

SLACK_SECONDS = 4.0
BOX_COLOUR_BGR = (251, 81, 163)
"""The colour of the detector's boxes; nothing in the clip has it."""
PASSWORD = "p@ss:w/rd %é"
DETECTION = {"frames_per_second": 5, "classes": ["person"], "minimum_confidence": 0.5}


@dataclass
class Stage:
    """A camera that plays the clip once, and the detector that watches it. `played_at`: wall-clock time."""

    name: str
    backend: BackendServer
    database_url: str
    user_token: str
    operator_token: str
    camera_id: int
    camera: RtspServer
    cctv: DetectorProcess
    played_at: float = 0.0
    frames: dict[str, float] = field(default_factory=dict)
    """Frames by stage, over the whole clip: a machine that is too slow shows here."""
    seconds_per_inference: float = 0.0
    """The mean over the whole clip."""

    @property
    def output(self) -> str:
        """Everything that the detector has printed."""
        return self.cctv.output

    def wait_for_play(self) -> None:
        """Waits until the detector has been given the clip."""
        self.played_at = wait_for_play(self.camera)

    def wait_for_end(self) -> None:
        """Waits until the clip is over and everything that it gave has been delivered, clips included."""
        left = self.played_at + CLIP_SECONDS - time.time()
        camera = str(self.camera_id)

        def ended() -> bool:
            return self.cctv.metric("vigil_stream_reconnects_total", camera=camera, reason="StreamEnded") >= 1

        eventually(ended, max(0.0, left) + 30, f"{self.name}: the clip ends")
        self.frames = {each: self.cctv.metric("vigil_frames_total", camera=camera, stage=each) for each in STAGES}
        seconds, count = (
            self.cctv.metric(f"vigil_inference_seconds_{each}", camera=camera) for each in ("sum", "count")
        )
        self.seconds_per_inference = seconds / count
        eventually(lambda: self.cctv.metric("vigil_spool_bytes", camera=camera) == 0, 60, f"{self.name} is delivered")

    def rows(self) -> list[tuple[Any, ...]]:
        """What the database holds of this camera, the oldest first: type, label, event id."""
        with contextlib.closing(psycopg2.connect(self.database_url)) as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT alert_type, label, event_id FROM surveillance_alert WHERE camera_id = %s ORDER BY timestamp",
                (self.camera_id,),
            )
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows

    def alerts(self) -> list[dict[str, Any]]:
        """The camera's alerts by the API, the oldest first, each with its image as `jpeg` and its clip as `mp4`."""
        with self.backend.client(self.user_token) as client:
            return alerts_of(client, self.camera_id)


def wait_for_play(camera: RtspServer, timeout_seconds: float = 60) -> float:
    """Wait until a detector has been given the clip; return the wall-clock time at which it began."""
    camera.wait_for("play 1", timeout_seconds)
    return camera.said_at["play 1"]


def alerts_of(client: httpx.Client, camera_id: int) -> list[dict[str, Any]]:
    """Return the camera's alerts, the oldest first, each with its image as `jpeg` and its clip as `mp4`."""
    answer = client.get("/api/alerts/", params={"camera": camera_id})
    answer.raise_for_status()
    found: list[dict[str, Any]] = sorted(answer.json()["results"], key=lambda alert: alert["timestamp"])
    for alert in found:
        picture = client.get(alert["image"])
        picture.raise_for_status()
        alert["jpeg"] = picture.content
        if alert["clip"]:
            alert["mp4"] = client.get(alert["clip"]).raise_for_status().content
    return found


@dataclass(frozen=True, slots=True)
class Owner:
    """Who owns a backend's cameras, with a token of each kind that is needed."""

    user_token: str
    operator_token: str

    @classmethod
    def of(cls, backend: BackendServer) -> "Owner":
        """A new user."""
        user = backend.create_user("anna")
        return cls(user.token, backend.token("anna", "operator"))


@contextlib.contextmanager
def stage(
    name: str,
    directory: Path,
    shared: Path,
    backend: BackendServer,
    database_url: str,
    owner: Owner,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Stage]:
    """A camera in a group of its own, to be watched in pod mode once `cctv` is started.

    `variables`: further ones of its detector.
    """
    with gst_rtsp_server(shared / "videos" / CLIP, username="viewer", password=PASSWORD) as camera:
        camera_id = backend.add_camera(
            owner.user_token, name=name, rtsp_url=camera.url, is_active=True, group=name, detection=DETECTION
        )
        token = _detector_token(backend, owner, camera_id)
        settings = {
            # No model is named: the default one is found, as in the images.
            "VIGIL_MODEL_DIR": str(shared / "models"),
            "VIGIL_GROUP": name,
            # After the clip the camera is gone, which is no alert here.
            "VIGIL_OFFLINE_ALERT_AFTER_SECONDS": "0",
            **(variables or {}),
        }
        cctv = DetectorProcess(directory / name, backend.url, token, camera_id, settings)
        try:
            yield Stage(name, backend, database_url, owner.user_token, owner.operator_token, camera_id, camera, cctv)
        finally:
            cctv.end()


def _detector_token(backend: BackendServer, owner: Owner, camera_id: int) -> str:
    """What the operator does for a pod: a token that reaches one camera."""
    with backend.client(owner.operator_token) as client:
        answer = client.post(f"/api/cameras/{camera_id}/detector-token/")
        answer.raise_for_status()
        return str(answer.json()["token"])


def check_visits(alerts: list[dict[str, Any]], played_at: float) -> None:
    """Each alert shows another of the six visits."""
    for alert, (begin, end) in zip(alerts, VISITS_SECONDS, strict=True):
        at = datetime.fromisoformat(alert["timestamp"]).timestamp() - played_at
        assert begin - SLACK_SECONDS <= at <= end + SLACK_SECONDS, f"{at:.1f} s is not within {begin}-{end} s"


def check_picture(alert: dict[str, Any], model: Model) -> None:
    """The frame shows a person, and a box is drawn around that person."""
    image = cv2.imdecode(np.frombuffer(alert["jpeg"], np.uint8), cv2.IMREAD_COLOR)
    assert image is not None, "the picture cannot be decoded"
    assert image.shape == (432, 768, 3)
    box = tuple(alert["box"][name] for name in ("x_min", "y_min", "x_max", "y_max"))
    found = model.detect(Frame.from_bgr(image, datetime.now(UTC), 0.0, 0))  # type: ignore[arg-type]
    people = found.boxes[(found.class_ids == model.labels.index("person")) & (found.confidences > 0.3)]
    best = max((float(overlap(box, [tuple(person)])[0]) for person in people), default=0.0)
    assert best > 0.5, f"no person at the alert's box: overlap {best:.2f}"
    assert drawn_share(image, box) > 0.8, f"the box is drawn around {drawn_share(image, box):.0%} of the person"


def check_clip(alert: dict[str, Any], model: Model) -> None:
    """The clip decodes from its first frame to its last, and a person is in it; keyframes decide how it begins."""
    with av.open(io.BytesIO(alert["mp4"]), "r") as container:
        pictures = list(container.decode(video=0))
    assert not any(picture.is_corrupt for picture in pictures)
    seconds = (pictures[-1].time or 0.0) - (pictures[0].time or 0.0)
    assert 5.0 < seconds < 30.0, f"{seconds:.1f} s"
    middle = len(pictures) // 2
    # From the middle on, where the event is: an inference costs more than the rest of this check.
    numbers = sorted(range(0, len(pictures), max(1, len(pictures) // 20)), key=lambda number: abs(number - middle))
    images = (pictures[number].to_ndarray(format="bgr24") for number in numbers)
    assert any(_shows_person(image, model) for image in images), "nobody is in the clip"


def _shows_person(image: npt.NDArray[Any], model: Model) -> bool:
    found = model.detect(Frame.from_bgr(image, datetime.now(UTC), 0.0, 0))
    return bool(((found.class_ids == model.labels.index("person")) & (found.confidences > 0.5)).any())


def drawn_share(image: npt.NDArray[Any], box: tuple[float, ...]) -> float:
    """Which part of the box's outline has the annotator's colour on it (looked for within 4 pixels)."""
    height, width = image.shape[:2]
    left, top, right, bottom = (
        min(round(edge * side), side - 1) for edge, side in zip(box, (width, height, width, height), strict=True)
    )
    distance = np.linalg.norm(image.astype(np.float32) - BOX_COLOUR_BGR, axis=2)
    near = cv2.dilate((distance < 90).astype(np.uint8), np.ones((9, 9), np.uint8))
    rows, columns = slice(top, bottom + 1), slice(left, right + 1)
    outline = np.concatenate([near[rows, left], near[rows, right], near[top, columns], near[bottom, columns]])
    return float(outline.mean())
