"""The demo camera's clip: the story, rendered and encoded once, then stored in a folder."""

import hashlib
import json
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

import av
import cv2

from vigil_demo.scene import story
from vigil_demo.scene.types import Picture, Truth

FRAMES_PER_SECOND = 10
_ENCODER_OPTIONS = {
    "preset": "veryfast", "profile": "high", "crf": "24", "bf": "0", "g": str(FRAMES_PER_SECOND), "sc_threshold": "0",
    "maxrate": "1500k", "bufsize": "1500k", "threads": "2",
}  # fmt: skip
"""A keyframe every second; no B-frames, since cameras send frames in presentation order."""
_WORKERS = 2
_LOOKAHEAD = 8

Progress = Callable[[int, int], None]
"""Called with the number of finished frames and the total number."""


def ensure_yard_clip(folder: Path, on_progress: Progress | None = None) -> Path:
    """Return the demo clip (MP4, H.264) in `folder`; render it if it is missing or of another scene version.

    Raises `OSError` if the folder is not writable.
    """
    path = folder / f"demo-yard-{_fingerprint()}.mp4"
    if path.exists() and truth_path(path).exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    # Written to a temporary file and renamed, so that an interrupted run leaves no incomplete clip.
    half_done = folder / f"{path.name}.{os.getpid()}.part"
    try:
        truths = _write(half_done, _render(on_progress))
        truth_path(path).write_text(json.dumps([[asdict(truth) for truth in picture] for picture in truths]))
        half_done.replace(path)
    finally:
        half_done.unlink(missing_ok=True)
    return path


def truth_path(clip: Path) -> Path:
    """Return the path of the labels and boxes of the clip's frames."""
    return clip.with_suffix(".truth.json")


def read_truths(clip: Path) -> list[tuple[Truth, ...]]:
    """Return the ground truth of each frame of the clip."""
    pictures = json.loads(truth_path(clip).read_text())
    return [tuple(Truth(row["label"], tuple(row["box"]), row["visible"]) for row in rows) for rows in pictures]


def _fingerprint() -> str:
    digest = hashlib.sha256(repr((FRAMES_PER_SECOND, _ENCODER_OPTIONS)).encode())
    for source in sorted(Path(story.__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


def _render(on_progress: Progress | None) -> Iterator[Picture]:
    """Yield the story's frames in order, rendered by two threads: numpy and OpenCV release the GIL."""
    scene = story.Story()
    total = round(story.DURATION_SECONDS * FRAMES_PER_SECOND)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    waiting: deque[Future[Picture]] = deque()
    executor = ThreadPoolExecutor(_WORKERS)
    try:
        for number in range(total):
            waiting.append(executor.submit(scene.frame, number / FRAMES_PER_SECOND))
            if len(waiting) >= _LOOKAHEAD:
                yield waiting.popleft().result()
            if on_progress is not None:
                on_progress(number + 1, total)
        while waiting:
            yield waiting.popleft().result()
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
        cv2.setNumThreads(threads)


def _write(path: Path, pictures: Iterator[Picture]) -> list[tuple[Truth, ...]]:
    """Encode the frames as an MP4; return their truths."""
    truths = []
    with av.open(str(path), "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=FRAMES_PER_SECOND, options=_ENCODER_OPTIONS)
        stream.pix_fmt = "yuv420p"
        for number, picture in enumerate(pictures):
            if number == 0:
                stream.height, stream.width = picture.image.shape[:2]
            frame = av.VideoFrame.from_ndarray(picture.image, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, FRAMES_PER_SECOND)
            output.mux(stream.encode(frame))
            truths.append(picture.truths)
        output.mux(stream.encode(None))
    return truths
