"""A camera's frame on its way through the pipeline, converted lazily.

A decoded frame consists of planes (mostly YUV 4:2:0). Motion detection uses the luma plane in place; the model needs
a small RGB image, which is scaled and converted in one pass; only an alert's image needs all pixels in colour. Each
conversion happens on demand and once.
"""

import math
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

from vigil_contracts.geometry import Box

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

WHOLE = Box(0.0, 0.0, 1.0, 1.0)
"""The region of a frame that is not a crop."""

_CROPPED_AS_PLANES = frozenset({"yuv420p", "yuvj420p", "nv12"})
"""The usual pixel formats of cameras: luma at full size, colour at half of it."""

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
    region: Box = WHOLE
    """The part of the camera's frame that a crop shows, in fractions of the camera's frame."""
    _uncropped_size: tuple[int, int] | None = field(default=None, repr=False, compare=False)

    @property
    def full_size(self) -> tuple[int, int]:
        """Return (width, height) of the camera's frame, of which this may be a crop."""
        return self._uncropped_size or (self.width, self.height)

    def crop(self, region: Box) -> "Frame":
        """Return the part of this frame within `region`, in fractions, extended to even pixels.

        Its `region` states the exact part. The part's pixels are copied, those of the rest are not converted.
        """
        source = self._pixels.av_frame
        image = self._pixels.rgb if self._pixels.rgb is not None else self._pixels.bgr
        width, height = (source.width, source.height) if source is not None else (self.width, self.height)
        left, right = _even_span(region.x_min, region.x_max, width)
        top, bottom = _even_span(region.y_min, region.y_max, height)
        exact = Box(left / width, top / height, right / width, bottom / height)
        if source is not None and source.format.name in _CROPPED_AS_PLANES:
            pixels = _Pixels(av_frame=_crop_planes(source, left, top, right, bottom))
        elif source is None and image is not None:
            part = image[top:bottom, left:right]
            pixels = _Pixels(rgb=part) if self._pixels.rgb is not None else _Pixels(bgr=part)
        else:
            spans = (exact.x_min, exact.x_max, self.width), (exact.y_min, exact.y_max, self.height)
            (left, right), (top, bottom) = ((round(low * side), round(high * side)) for low, high, side in spans)
            pixels = _Pixels(bgr=self.bgr()[top:bottom, left:right])
        return Frame(
            max(1, round(exact.width * self.width)),
            max(1, round(exact.height * self.height)),
            self.received_at,
            self.monotonic_seconds,
            self.sequence,
            pixels,
            exact,
            (self.width, self.height),
        )

    def shrunk(self, widest_pixels: int) -> "Frame":
        """Return the frame at most this wide, with pixels of its own: those of the decoder are no longer needed."""
        source = self._pixels.av_frame
        if source is None or max(self.width, source.width) <= widest_pixels:
            return self
        width, height = widest_pixels, max(2, round(self.height * widest_pixels / self.width))
        pixel_format = source.format.name if source.format.name in _CROPPED_AS_PLANES else "yuv420p"
        shrunk = _reformatter(source.width, source.height, source.format.name, width, height, pixel_format).reformat(
            source, width, height, pixel_format, interpolation=Interpolation.BILINEAR, threads=1
        )
        return Frame(
            width,
            height,
            self.received_at,
            self.monotonic_seconds,
            self.sequence,
            _Pixels(av_frame=shrunk),
            self.region,
        )

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
        return plane_bytes(source, 0)[: source.height, : source.width]

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


def plane_bytes(source: av.VideoFrame, number: int) -> Image:
    """Return a view of a plane's bytes with the padding of its lines: (lines, bytes of a line), uint8."""
    plane = source.planes[number]
    return np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)


def _crop_planes(source: av.VideoFrame, left: int, top: int, right: int, bottom: int) -> av.VideoFrame:
    """Return a copy of these pixels of a frame in YUV 4:2:0. The limits are even."""
    parts = [plane_bytes(source, 0)[top:bottom, left:right].ravel()]
    for number in range(1, len(source.planes)):
        columns = slice(left, right) if len(source.planes) == 2 else slice(left // 2, right // 2)
        parts.append(plane_bytes(source, number)[top // 2 : bottom // 2, columns].ravel())
    width, height = right - left, bottom - top
    pixels = np.concatenate(parts).reshape(height * 3 // 2, width)
    part = av.VideoFrame.from_ndarray(pixels, format=source.format.name)
    part.colorspace, part.color_range = source.colorspace, source.color_range
    return part


def _even_span(low: float, high: float, side: int) -> tuple[int, int]:
    """Return the limits of a span in even pixels of a side of this length; at least two pixels."""
    even = side // 2 * 2
    first = min(max(0, math.floor(low * side) // 2 * 2), max(0, even - 2))
    last = min(even, -(-math.ceil(high * side) // 2) * 2)
    return first, max(last, first + 2)


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
