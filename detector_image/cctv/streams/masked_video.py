"""Encode the masked frames of a camera again, so that its recordings and clips never contain what the masks hide.

The encoder is set for little processor time and no delay: each frame gives its packet at once, without B-frames.
"""

import time
from fractions import Fraction
from typing import cast

import av
import av.error
from av.video.frame import PictureType

CODEC = "h264"
ENCODERS = ("libx264", "libopenh264")
"""libav's encoders that give this codec in software, best first."""
NO_ENCODER = (
    "this detector's libav has no H.264 encoder (libx264 or libopenh264) with which to mask stored video; use an"
    " image whose libav has one, or remove the masks"
)
KEYFRAME_SECONDS = 2.0
"""Recordings and clips begin at keyframes."""
_TICKS_PER_SECOND = 90_000
_LONGEST_STEP_SECONDS = 5.0
_OPTIONS = {
    "libx264": {"preset": "superfast", "tune": "zerolatency", "crf": "24", "forced-idr": "1"},
    "libopenh264": {},
}
_PLAYABLE_FORMATS = frozenset({"yuv420p", "yuvj420p"})
"""8 bits and 4:2:0: what browsers can show. Other frames are converted."""
_FULL_RANGE = 2


def encoder_name() -> str | None:
    """Return libav's encoder to use; None if this build has none."""
    return next((name for name in ENCODERS if name in av.codecs_available), None)


class MaskedVideo:
    """The encoder of one connection. Used by the thread that reads it."""

    def __init__(self, encoder: str, pixel_aspect: Fraction | None = None) -> None:
        """Prepare. `encoder`: libav's name; `pixel_aspect`: a pixel's width divided by its height."""
        self._encoder, self._pixel_aspect = encoder, pixel_aspect
        self._context: av.VideoCodecContext | None = None
        self._layout: tuple[int, int, str] | None = None
        self._former: tuple[float | None, float] | None = None
        self._ticks = 0
        self._keyframe_ticks = 0

    def encode(self, picture: av.VideoFrame) -> "list[av.Packet[av.VideoStream]]":
        """Return the packets of the next frame. Its time stays what it is. Raises av.error.FFmpegError."""
        layout = picture.width, picture.height, picture.format.name
        is_key = layout != self._layout
        if self._context is None or is_key:
            self._context, self._layout = self._open(picture), layout
        self._advance(picture)
        is_key = is_key or self._ticks - self._keyframe_ticks >= KEYFRAME_SECONDS * _TICKS_PER_SECOND
        if is_key:
            self._keyframe_ticks = self._ticks
        pts, time_base, pict_type = picture.pts, picture.time_base, picture.pict_type
        picture.pts, picture.time_base = self._ticks, Fraction(1, _TICKS_PER_SECOND)
        picture.pict_type = PictureType.I if is_key else PictureType.NONE  # else the camera's types would be repeated
        try:
            return list(self._context.encode(picture))
        finally:
            picture.pts, picture.pict_type = pts, pict_type
            if time_base is not None:
                picture.time_base = time_base

    def _open(self, picture: av.VideoFrame) -> av.VideoCodecContext:
        context = cast("av.VideoCodecContext", av.CodecContext.create(self._encoder, "w"))
        context.width, context.height = picture.width // 2 * 2, picture.height // 2 * 2
        context.pix_fmt = picture.format.name if picture.format.name in _PLAYABLE_FORMATS else "yuv420p"
        context.time_base = Fraction(1, _TICKS_PER_SECOND)
        context.thread_count = 1
        context.options = _OPTIONS[self._encoder]
        context.color_range = _FULL_RANGE if context.pix_fmt == "yuvj420p" else picture.color_range
        context.colorspace = picture.colorspace
        if self._pixel_aspect is not None:
            context.sample_aspect_ratio = self._pixel_aspect
        return context

    def _advance(self, picture: av.VideoFrame) -> None:
        """Set the frame's time: the camera's distance from the former frame, or that of their arrival."""
        at, now = picture.time, time.monotonic()
        if self._former is None:
            self._ticks = round((at or 0.0) * _TICKS_PER_SECOND)
        else:
            former_at, former_now = self._former
            step = at - former_at if at is not None and former_at is not None else 0.0
            if not 0.0 < step < _LONGEST_STEP_SECONDS:
                step = min(now - former_now, _LONGEST_STEP_SECONDS)
            self._ticks += max(1, round(step * _TICKS_PER_SECOND))
        self._former = at, now
