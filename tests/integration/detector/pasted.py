"""A clip pasted small into a large scene, as a yard camera sees people who are far away.

The scene is the clip's first frame, enlarged and blurred, with a little sensor noise. Frames are rendered as planes
(YUV 4:2:0), like those of a decoder.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from tests.integration.detector.clips import sampled

from cctv.common.frame import Frame, Image
from vigil_contracts.geometry import Box

FULL_HD, UHD = (1920, 1080), (3840, 2160)


@dataclass(frozen=True, slots=True)
class Pasted:
    """Where the clip is in the scene: all in pixels, all even."""

    scene: tuple[int, int]
    width: int
    left: int
    top: int

    @property
    def height(self) -> int:
        """Height of the pasted clip, which is 16:9."""
        return self.width * 9 // 16 // 2 * 2

    @property
    def box(self) -> Box:
        """Return the place in fractions of the scene."""
        wide, high = self.scene
        right, bottom = self.left + self.width, self.top + self.height
        return Box(self.left / wide, self.top / high, right / wide, bottom / high)


class Scene:
    """The background, into which frames of the clip are pasted. `background`: a frame of the clip without people."""

    def __init__(self, background: Frame, place: Pasted, noise_fields: int = 3) -> None:
        self._place = place
        self._backgrounds = [_background(background, place.scene, seed) for seed in range(noise_fields)]

    def paste(self, frame: Frame) -> Frame:
        """Return the scene with this frame of the clip."""
        place = self._place
        planes = self._backgrounds[frame.sequence % len(self._backgrounds)].copy()
        _paste(planes, _small(frame, place.width, place.height), place)
        picture = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        return Frame.from_av(picture, frame.received_at, frame.monotonic_seconds, frame.sequence)


def pasted(
    clip: Path, place: Pasted, frames_per_second: float = 5, begin: float = 0.0, end: float = float("inf")
) -> Iterator[Frame]:
    """Render the scene's frames between these seconds of the clip; the first of them must show nobody."""
    scene: Scene | None = None
    for frame in sampled(clip, frames_per_second, begin):
        if frame.monotonic_seconds >= end:
            return
        scene = scene or Scene(frame, place)
        yield scene.paste(frame)


def _background(frame: Frame, size: tuple[int, int], seed: int) -> Image:
    """Return the background, as the planes of YUV 4:2:0 below each other."""
    small = cv2.GaussianBlur(cv2.resize(frame.bgr(), (480, 270), interpolation=cv2.INTER_AREA), (0, 0), 4)
    planes = cv2.cvtColor(cv2.resize(small, size), cv2.COLOR_BGR2YUV_I420)
    noise = np.random.default_rng(seed).normal(0, 2, (size[1], size[0]))
    planes[: size[1]] = (planes[: size[1]] + noise).clip(0, 255)
    return np.asarray(planes, np.uint8)


def _small(frame: Frame, width: int, height: int) -> Image:
    bgr = cv2.resize(frame.bgr(), (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420), np.uint8)


def _paste(planes: Image, small: Image, place: Pasted) -> None:
    for target, source, scale in zip(
        _planes(planes, *place.scene), _planes(small, place.width, place.height), (1, 2, 2), strict=True
    ):
        top, left = place.top // scale, place.left // scale
        target[top : top + source.shape[0], left : left + source.shape[1]] = source


def _planes(i420: Image, width: int, height: int) -> tuple[Image, Image, Image]:
    """Return views of Y (H, W), U and V (H/2, W/2)."""
    flat, luma, chroma = i420.reshape(-1), width * height, width * height // 4
    u, v = flat[luma : luma + chroma], flat[luma + chroma : luma + 2 * chroma]
    return (
        flat[:luma].reshape(height, width),
        u.reshape(height // 2, width // 2),
        v.reshape(height // 2, width // 2),
    )
