"""A camera's frame on its way through the pipeline, converted lazily.

A decoded frame consists of planes (mostly YUV 4:2:0). Motion detection uses the luma plane in place; the model needs
a small RGB image, which is scaled and converted in one pass; only an alert's image needs all pixels in colour. Each
conversion happens on demand and once.
"""

import threading
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Self, cast

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.reformatter import Interpolation, VideoReformatter

Image = npt.NDArray[np.uint8]

_WIDEST_PIXEL = 8.0
"""Aspect ratios above this, or below its inverse, are camera errors: pixels are then assumed to be square."""

MAX_PIXELS = 139_264 * 256
"""The largest frame that is decoded: that of H.264 level 6.2 (ITU-T H.264, table A-1), such as 8192 × 4320.

A camera can announce 16384 × 16384 in a few bytes, for which a decoder allocates several gigabytes."""

_LUMA_FIRST = frozenset(
    f"{family}{layout}p" for family in ("yuv", "yuvj") for layout in ("420", "422", "444", "440", "411", "410")
) | {"nv12", "nv21", "nv16", "nv24", "gray", "gray8"}
"""Pixel formats of libav whose first plane is 8 bit luma, one byte a pixel."""

_reformatters = threading.local()


def _reformatter(*key: object) -> VideoReformatter:
    """Return a cached libswscale context: expensive to create, reusable for one geometry and one thread."""
    cache: dict[tuple[object, ...], VideoReformatter] = _reformatters.__dict__.setdefault("cache", {})
    if key not in cache:
        if len(cache) >= 32:  # cameras come and go, so limit the cache of each thread
            cache.clear()
        cache[key] = VideoReformatter()
    return cache[key]


@dataclass(slots=True)
class _Pixels:
    """The image data and its cached conversions; the only mutable part of a frame."""

    av_frame: av.VideoFrame | None = None
    rgb: Image | None = None
    bgr: Image | None = None
    luma: Image | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """One video frame with its times.

    `received_at` is wall-clock time (aware), for users. `monotonic_seconds` never jumps; tracking and rules use it.
    For a file it is the position in the file. `sequence` counts the stream's frames. The arrays that a frame returns
    are shared: do not write to them.
    """

    width: int
    height: int
    received_at: datetime
    monotonic_seconds: float
    sequence: int
    _pixels: _Pixels = field(repr=False, compare=False)

    @classmethod
    def from_av(
        cls,
        video_frame: av.VideoFrame,
        received_at: datetime,
        monotonic_seconds: float,
        sequence: int,
        pixel_aspect: float = 1.0,
    ) -> Self:
        """Wrap a decoded frame without copying its pixels; keep it alive.

        `pixel_aspect`: a pixel's width divided by its height. The frame has the shape in which players show it.
        """
        width, height = display_size(video_frame.width, video_frame.height, pixel_aspect)
        return cls(width, height, received_at, monotonic_seconds, sequence, _Pixels(av_frame=video_frame))

    @classmethod
    def from_bgr(cls, bgr: Image, received_at: datetime, monotonic_seconds: float, sequence: int) -> Self:
        """Wrap an image (H, W, 3), uint8, BGR, without copying it."""
        height, width = bgr.shape[:2]
        return cls(width, height, received_at, monotonic_seconds, sequence, _Pixels(bgr=bgr))

    @classmethod
    def from_rgb(cls, rgb: Image, received_at: datetime, monotonic_seconds: float, sequence: int) -> Self:
        """Wrap an image (H, W, 3), uint8, RGB, without copying it."""
        height, width = rgb.shape[:2]
        return cls(width, height, received_at, monotonic_seconds, sequence, _Pixels(rgb=rgb))

    def luma(self) -> Image:
        """Return the brightness, (H, W), uint8: a view of the decoder's own plane where the format has one.

        Its shape is that of the encoded pixels, which differs from the frame's where they are not square.
        """
        if self._pixels.luma is None:
            self._pixels.luma = self._make_luma()
        return self._pixels.luma

    def bgr(self) -> Image:
        """Return the whole frame, (H, W, 3), uint8, BGR."""
        if self._pixels.bgr is None:
            if self._pixels.rgb is not None:
                self._pixels.bgr = cv2.cvtColor(self._pixels.rgb, cv2.COLOR_RGB2BGR)  # type: ignore[assignment]
            else:
                self._pixels.bgr = self._reformat(self.width, self.height, "bgr24")
        return cast("Image", self._pixels.bgr)

    def scaled_bgr(self, width: int, height: int) -> Image:
        """Return the frame stretched to (height, width, 3), uint8, BGR, in one pass from the planes."""
        if self._pixels.av_frame is not None:
            return self._reformat(width, height, "bgr24")
        return cv2.resize(self.bgr(), (width, height))  # type: ignore[return-value]

    def scaled_rgb(self, width: int, height: int) -> Image:
        """Return the frame stretched to (height, width, 3), uint8, RGB, in one pass from the planes."""
        if self._pixels.av_frame is not None and self._pixels.bgr is None:
            return self._reformat(width, height, "rgb24")
        if self._pixels.rgb is not None:
            if (width, height) == (self.width, self.height):
                return self._pixels.rgb
            return cv2.resize(self._pixels.rgb, (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]
        bgr = self.bgr()
        if (width, height) != (self.width, self.height):
            bgr = cv2.resize(bgr, (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
        return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]

    def _make_luma(self) -> Image:
        source = self._pixels.av_frame
        if source is None:
            return cv2.cvtColor(self.bgr(), cv2.COLOR_BGR2GRAY)  # type: ignore[return-value]
        if source.format.name not in _LUMA_FIRST:
            return self._reformat(source.width, source.height, "gray")
        plane = source.planes[0]
        rows: Image = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        return rows[: source.height, : source.width]

    def _reformat(self, width: int, height: int, pixel_format: str) -> Image:
        source = self._pixels.av_frame
        if source is None:
            raise ValueError("a frame made from BGR has no planes")
        reformatter = _reformatter(source.width, source.height, source.format.name, width, height, pixel_format)
        # The cheapest libswscale filter that still averages the pixels it drops. One thread: by default libswscale
        # starts a thread per processor and geometry, and keeps them as long as the context exists.
        converted = reformatter.reformat(
            source, width, height, pixel_format, interpolation=Interpolation.BILINEAR, threads=1
        )
        return cast("Image", converted.to_ndarray())


def display_size(width: int, height: int, pixel_aspect: float) -> tuple[int, int]:
    """Return the width and height in which a frame is shown: the shorter side of its pixels is enlarged."""
    if not 1 / _WIDEST_PIXEL <= pixel_aspect <= _WIDEST_PIXEL:
        return width, height
    if pixel_aspect >= 1.0:
        return round(width * pixel_aspect), height
    return width, round(height / pixel_aspect)


def pixel_aspect_of(display_aspect: Fraction, width: int, height: int) -> Fraction | None:
    """Return a pixel's width divided by its height in a frame that is shown with this width to height.

    None where the frame's size in pixels is not known yet.
    """
    return display_aspect * Fraction(height, width) if width and height else None
