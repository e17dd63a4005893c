"""Cameras to which real people come, and when another client of their streams sees each of them."""

import threading
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from tests.integration.detector.clips import PERSONS, frames_of

RATE = 10
"""Frames per second of the cameras."""
VISIT_SECONDS, EMPTY_SECONDS = 1.4, 5.4
"""A person is confirmed during the visit, and no longer tracked when the next one appears."""
VISITORS = ((748, 1186, 1238), (684, 508, 1340))
"""For each camera, the frames of the clip from which on a person walks in on the left, or out on the right."""
FIRST_SECONDS = (4.0, 7.4)
"""For each camera, when its first person appears: both clients have joined the stream by then."""
_CHANGED = 5.0
"""Mean difference of grey levels from the empty scene that a person makes."""


Pictures = list[npt.NDArray[np.uint8]]


def make_visits(shared: Path, folder: Path) -> list[Path]:
    """Write a clip for each camera: one person after the other walks for a moment in an otherwise empty scene."""
    begins = [0, *(begin for visitors in VISITORS for begin in visitors)]
    scenes: dict[int, Pictures] = {begin: [] for begin in begins}
    for number, frame in enumerate(islice(frames_of(shared / "videos" / PERSONS), max(begins) + 2 * RATE)):
        for begin, pictures in scenes.items():
            if begin <= number < begin + 2 * RATE:
                pictures.append(frame.bgr())
    clips: list[Path] = []
    for visitors, first_seconds in zip(VISITORS, FIRST_SECONDS, strict=True):
        clips.append(folder / f"visits-{len(clips)}.mp4")
        _write(clips[-1], scenes, visitors, first_seconds)
    return clips


def _write(path: Path, scenes: dict[int, Pictures], visitors: Sequence[int], first_seconds: float) -> None:
    nobody = scenes[0]
    with av.open(str(path), "w") as output:
        # One slice per frame: GStreamer's server reorders several slices.
        options = {"bf": "0", "g": "10", "preset": "ultrafast", "threads": "1"}
        stream = output.add_stream("libx264", rate=RATE, options=options)
        stream.height, stream.width, stream.pix_fmt = *nobody[0].shape[:2], "yuv420p"

        def show(pictures: Pictures, seconds: float) -> None:
            for number in range(round(seconds * RATE)):
                picture = pictures[number % len(pictures)]
                output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))

        show(nobody, first_seconds)
        for begin in visitors:
            show(scenes[begin], VISIT_SECONDS)
            show(nobody, EMPTY_SECONDS if begin != visitors[-1] else 1.0)
        output.mux(stream.encode())


class Watch:
    """A second client of a stream. `seen_at` has the monotonic time at which each person became visible in it."""

    def __init__(self, url: str, clip: Path) -> None:
        self.seen_at: list[float] = []
        with av.open(str(clip)) as container:
            self._empty = _grey(next(container.decode(video=0)))
        self._thread = threading.Thread(target=self._read, args=(url,), daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait for the end of the stream."""
        self._thread.join(60)
        assert not self._thread.is_alive(), "the stream did not end"

    def _read(self, url: str) -> None:
        options = {"rtsp_transport": "tcp", "fflags": "nobuffer", "flags": "low_delay", "analyzeduration": "0"}
        with av.open(url, options=options) as container:
            container.streams.video[0].thread_type = "SLICE"
            was_visible = False
            for picture in container.decode(video=0):
                difference = np.abs(_grey(picture) - self._empty)
                is_visible = float(difference.mean()) > _CHANGED
                if is_visible and not was_visible:
                    self.seen_at.append(time.monotonic())
                was_visible = is_visible


def _grey(picture: av.VideoFrame) -> npt.NDArray[np.float32]:
    return picture.to_ndarray(format="gray")[::8, ::8].astype(np.float32)
