"""Decode single keyframes, and frames for a while, without keeping a decoder.

A decoder keeps two or three frames and its tables: 7 to 10 MB for H.264 of 1080p. libav returns this memory only with
the decoder. A stream of which no more than a keyframe now and then is needed does without; a new decoder costs about
2 ms of CPU time.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Self, cast

import av

from cctv.common.frame import MAX_PIXELS


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of encoded frames in pixels, 0 if unknown, and the width of a pixel divided by its height."""

    width: int
    height: int
    pixel_aspect: Fraction | None

    @classmethod
    def of(cls, context: av.VideoCodecContext) -> Self:
        """Return what a decoder knows."""
        return cls(context.width, context.height, context.sample_aspect_ratio)

    @property
    def is_too_large(self) -> bool:
        """Return whether such frames must not be decoded."""
        return self.width * self.height > MAX_PIXELS


def decoder_options() -> dict[str, str]:
    """Return libav's options for all decoders of streams, also for those with which libav examines a stream."""
    return {"max_pixels": str(MAX_PIXELS)}


def configure(context: av.VideoCodecContext) -> None:
    """Set the options that all decoders of streams share."""
    # Not PyAV's default, slice threads: with them damaged frames are not marked as corrupt (`is_corrupt`).
    context.thread_count = 1
    context.options = decoder_options()


class TemporaryDecoder:
    """Decodes packets of a stream from a keyframe on. Drop it to free its memory."""

    def __init__(self, like: av.VideoCodecContext) -> None:
        """Use the codec and the parameter sets of a stream's own decoder."""
        self._context = cast("av.VideoCodecContext", av.CodecContext.create(like.codec, "r"))
        self._context.extradata = like.extradata
        configure(self._context)
        self.needs_more = False
        """Whether a packet that was decoded alone holds no whole frame: some encoders refresh frames gradually."""

    @property
    def shape(self) -> Shape:
        """Return the shape of the last frame."""
        return Shape.of(self._context)

    def decode(self, packet: "av.Packet[av.VideoStream]", *, is_alone: bool = False) -> list[av.VideoFrame]:
        """Return the frames that a packet completes; `is_alone`: no other follows. Raises what libav raises."""
        pictures = self._context.decode(packet)
        if is_alone:
            pictures += self._context.decode(None)
            self.needs_more = not pictures
        for picture in pictures:
            picture.time_base = packet.time_base
        return pictures
