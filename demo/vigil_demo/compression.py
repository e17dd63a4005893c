"""Apply H.264 compression to an image, since detectors only receive compressed frames."""

from fractions import Fraction

import av
import numpy as np

from vigil_demo.scene.types import ByteArray


def through_h264(image: ByteArray, crf: int) -> ByteArray:
    """Encode the image, (H, W, 3) uint8 BGR, as one keyframe and decode it; `crf` from 18 (fine) to 40 (coarse)."""
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.height, encoder.width = image.shape[:2]
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = Fraction(1, 12)
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "crf": str(crf), "threads": "1"}
    packets = [*encoder.encode(av.VideoFrame.from_ndarray(image, format="bgr24")), *encoder.encode(None)]
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    frames = [frame for packet in packets for frame in decoder.decode(packet)] + list(decoder.decode(None))
    return np.asarray(frames[0].to_ndarray(format="bgr24"), np.uint8)
