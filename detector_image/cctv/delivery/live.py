"""Live frames of one camera, encoded once for all viewers, and only while there is a viewer."""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime

import av

from cctv.common.drawing import draw_boxes
from cctv.common.frame import Frame
from cctv.common.frame_rate import FrameRateLimit
from cctv.common.jpeg import encode_jpeg
from cctv.common.mailbox import Mailbox
from cctv.logs import camera_logger
from cctv.metrics import Metrics
from vigil_contracts.api_client import ApiError
from vigil_contracts.geometry import Box

FRAMES_PER_SECOND = 10.0
WIDEST_PIXELS = 960
JPEG_QUALITY = 75

Send = Callable[[int, bytes, float, str], None]
"""Send a JPEG of a camera to the API, with the Unix time of its frame, and the `masks_digest` of the privacy masks
with which it was taken. Raises `ApiError`."""


class LiveView:
    """Encode and send live frames. Without a viewer there is no thread, and `offer` costs one comparison."""

    def __init__(self, camera_id: int, send: Send, metrics: Metrics, masks: str = "") -> None:
        """Prepare. `masks`: `masks_digest` of the camera's privacy masks."""
        self._camera_id, self._send, self._metrics, self._masks = camera_id, send, metrics, masks
        self._log = camera_logger(camera_id)
        self._lock = threading.Lock()
        self._limit = FrameRateLimit(FRAMES_PER_SECOND)
        self._until = 0.0
        self._not_before = float("-inf")
        self._is_ended = False
        self._mailbox: Mailbox[Frame] = Mailbox()
        self._thread: threading.Thread | None = None
        self._boxes: Sequence[tuple[Box, str]] = ()

    @property
    def is_wanted(self) -> bool:
        """Return whether someone watches the camera."""
        return time.monotonic() < self._until

    def request(self, seconds: float) -> None:
        """Send frames for the next `seconds`; callable from any thread."""
        with self._lock:
            if self._is_ended:
                return
            self._until = max(self._until, time.monotonic() + min(seconds, 60.0))
            if self._thread is None:
                self._boxes = ()  # boxes left over from the previous viewer
                self._thread = threading.Thread(target=self._run, name=f"live-{self._camera_id}", daemon=True)
                self._thread.start()

    def offer(
        self, picture: av.VideoFrame, received_at: datetime, monotonic_seconds: float, pixel_aspect: float = 1.0
    ) -> None:
        """Take a frame of the stream; called in the reading thread."""
        if monotonic_seconds < self._until and self._limit.is_due(monotonic_seconds):
            self._mailbox.put(Frame.from_av(picture, received_at, monotonic_seconds, 0, pixel_aspect))

    def change_masks(self, masks: str, monotonic_seconds: float) -> None:
        """Send no frame that was received earlier: the privacy masks are others now. Callable from any thread."""
        self._not_before, self._boxes = monotonic_seconds, ()
        self._masks = masks  # last: an old frame never has the new masks' digest, see `_run`

    def show(self, boxes: Sequence[tuple[Box, str]]) -> None:
        """Set the boxes and labels to draw on the next frames."""
        self._boxes = boxes

    def end(self) -> None:
        """Stop sending."""
        with self._lock:
            self._is_ended, self._until = True, 0.0
        self._mailbox.close()

    def _run(self) -> None:
        is_failing = False
        while True:
            frame = self._mailbox.take(0.5)
            with self._lock:
                if not self.is_wanted:
                    self._thread = None
                    return
            masks = self._masks
            if frame is None or frame.monotonic_seconds < self._not_before:
                continue
            try:
                self._send(self._camera_id, self._encode(frame), frame.received_at.timestamp(), masks)
                self._metrics.live_frames.labels(str(self._camera_id)).inc()
                is_failing = False
            except ApiError as error:
                if not is_failing:
                    self._log.warning("could not send a live frame: %s", error)
                is_failing = True
                time.sleep(0.5)
            except Exception:  # noqa: BLE001 - a failing live view must not stop the detection
                self._log.exception("could not encode a live frame")
                time.sleep(0.5)

    def _encode(self, frame: Frame) -> bytes:
        scale = min(1.0, WIDEST_PIXELS / frame.width)
        canvas = frame.scaled_bgr(max(2, round(frame.width * scale)), max(2, round(frame.height * scale)))
        boxes = self._boxes
        if boxes:
            canvas = draw_boxes(canvas.copy(), [box for box, _ in boxes], [name for _, name in boxes])
        return encode_jpeg(canvas, JPEG_QUALITY)
