"""Encode frames as JPEG."""

import cv2
import numpy as np

from cctv.common.drawing import draw_boxes
from cctv.common.frame import Frame, Image
from vigil_contracts.geometry import Box
from vigil_contracts.preview import WIDTH_PIXELS as PREVIEW_WIDTH

WIDEST_PIXELS = 1280
JPEG_QUALITY = 85
PREVIEW_QUALITY = 60


def encode_jpeg(image: Image, quality: int) -> bytes:
    """Return `image`, (H, W, 3), uint8, BGR, as JPEG of `quality` 0 to 100. Raises ValueError if OpenCV cannot."""
    encoded, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not encoded:
        height, width = image.shape[:2]
        raise ValueError(f"OpenCV cannot encode a frame of {width}×{height} pixels as JPEG")
    return jpeg.tobytes()


def preview_jpeg(frame: Frame) -> bytes:
    """Return the frame as a small JPEG for timelines. Raises ValueError if OpenCV cannot."""
    height = max(2, round(frame.height * PREVIEW_WIDTH / frame.width))
    return encode_jpeg(frame.scaled_bgr(PREVIEW_WIDTH, height), PREVIEW_QUALITY)


def render_jpeg(frame: Frame, box: Box | None, caption: str) -> bytes:
    """Return the frame as JPEG, at most `WIDEST_PIXELS` wide, with the object boxed and named."""
    scale = min(1.0, WIDEST_PIXELS / frame.width)
    size = (round(frame.width * scale), round(frame.height * scale))
    canvas = np.array(frame.bgr() if scale == 1.0 else cv2.resize(frame.bgr(), size), np.uint8)
    if box is not None:
        canvas = draw_boxes(canvas, [box], [caption])
    return encode_jpeg(canvas, JPEG_QUALITY)
