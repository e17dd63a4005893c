"""Processor time of masking and encoding a camera's frames, as a share of that of decoding them.

    make bench BENCH=privacy_masks

The clip is 1080p H.264 with a moving object and noise, as a camera sends at night. One thread each.
"""

import tempfile
import time
from pathlib import Path

import av
from tests.bench.report import Measurement
from tests.integration.services.made_clips import make_clip

from cctv.streams.masked_video import MaskedVideo, encoder_name
from cctv.streams.privacy_mask import PrivacyMask

SECONDS, RATE = 8, 15
MASK = ((0.1, 0.1), (0.4, 0.1), (0.4, 0.6), (0.1, 0.6))


def measure() -> list[Measurement]:
    """Return the share of masking, and of encoding what is masked."""
    with tempfile.TemporaryDirectory() as directory:
        clip = make_clip(
            Path(directory) / "clip.mp4", seconds=SECONDS, rate=RATE, size=(1920, 1080), keyframe_every=30
        )
        decoding, frames = _decoded(clip)
    mask, name = PrivacyMask([MASK]), encoder_name()
    assert name is not None
    began = time.thread_time()
    masked = [mask.apply(frame) for frame in frames]
    masking, video = time.thread_time() - began, MaskedVideo(name)
    began = time.process_time()
    for frame in masked:
        video.encode(frame)
    encoding = time.process_time() - began
    return [
        Measurement.plain("masking: processor time as a share of decoding", masking / decoding, "×"),
        Measurement.plain("encoding: processor time as a share of decoding", encoding / decoding, "×"),
    ]


def _decoded(clip: Path) -> tuple[float, list[av.VideoFrame]]:
    with av.open(str(clip)) as file:
        file.streams.video[0].codec_context.thread_count = 1
        began = time.thread_time()
        frames = list(file.decode(video=0))
        return time.thread_time() - began, frames
