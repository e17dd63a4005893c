"""Decode one frame of a recorded segment."""

import io
from datetime import UTC, datetime

import av

from cctv.common.frame import MAX_PIXELS, Frame
from cctv.common.jpeg import encode_jpeg

_QUALITY = 85


def frame_at(content_mp4: bytes, at_ms: int, width: int) -> bytes | None:
    """Return as JPEG the frame that a player shows at that time (milliseconds since 1970); None if there is none.

    `width`: the largest width in pixels; a smaller frame keeps its size. Before the first frame it is the first.
    Raises av.error.FFmpegError if the file is damaged.
    """
    target = at_ms / 1000
    shown: av.VideoFrame | None = None
    with av.open(io.BytesIO(content_mp4), "r", options={"max_pixels": str(MAX_PIXELS)}) as container:
        stream = container.streams.video[0]
        packets = [one for one in container.demux(stream) if one.size]
        keyframes = [
            number
            for number, one in enumerate(packets)
            if one.is_keyframe and one.pts is not None and float(one.pts * one.time_base) <= target
        ]
        for packet in [*packets[keyframes[-1] if keyframes else 0 :], None]:
            for frame in stream.codec_context.decode(packet):
                if shown is not None and frame.time is not None and frame.time > target:
                    return _jpeg(shown, stream, width)
                shown = frame
        return _jpeg(shown, stream, width) if shown is not None else None


def _jpeg(picture: av.VideoFrame, stream: "av.VideoStream", width: int) -> bytes:
    aspect = float(stream.sample_aspect_ratio or 1)
    frame = Frame.from_av(picture, datetime.now(UTC), 0.0, 0, aspect)
    scale = min(1.0, width / frame.width)
    size = max(2, round(frame.width * scale)), max(2, round(frame.height * scale))
    return encode_jpeg(frame.scaled_bgr(*size), _QUALITY)
