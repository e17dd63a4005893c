"""Draw on frames with OpenCV: the boxes of objects, and the zones and lines of rules."""

import cv2
import numpy as np

from cctv.common.caption_glyphs import text_mask
from cctv.common.frame import Image
from vigil_contracts.detection import Detection
from vigil_contracts.geometry import Box
from vigil_contracts.rules import LineCrossingRule, Point

Pixel = tuple[int, int]

BOX_COLOUR_BGR = (251, 81, 163)
"""A violet that hardly occurs in camera frames."""
PLACE_COLOUR_BGR = (0, 200, 255)
CAPTION_PADDING = 4
CAPTION_SCALE = 0.22
"""Font scale for each pixel of the boxes' thickness."""


def draw_boxes(canvas: Image, boxes: list[Box], captions: list[str]) -> Image:
    """Draw boxes (in fractions) with captions on `canvas`, (H, W, 3), uint8, BGR, and return it."""
    thickness = _thickness(canvas)
    height, width = canvas.shape[:2]
    for box, caption in zip(boxes, captions, strict=True):
        left, top = round(box.x_min * width), round(box.y_min * height)
        right, bottom = round(box.x_max * width), round(box.y_max * height)
        cv2.rectangle(canvas, (left, top), (right, bottom), BOX_COLOUR_BGR, thickness)
        _draw_caption(canvas, caption, (left, top), thickness, BOX_COLOUR_BGR)
    return canvas


def draw_places(canvas: Image, detection: Detection) -> Image:
    """Draw the zones, and the lines with an arrow from left to right across them, on `canvas` and return it."""
    thickness = _thickness(canvas)
    for zone in detection.zones:
        corners = [_pixel(point, canvas) for point in zone.points]
        cv2.polylines(canvas, [np.array(corners, np.int32)], True, PLACE_COLOUR_BGR, thickness)
        _draw_caption(canvas, zone.name, min(corners, key=lambda corner: corner[1]), thickness, PLACE_COLOUR_BGR)
    for rule in detection.rules:
        if isinstance(rule, LineCrossingRule):
            first, second = (_pixel(point, canvas) for point in rule.line)
            cv2.line(canvas, first, second, PLACE_COLOUR_BGR, thickness)
            middle = ((first[0] + second[0]) // 2, (first[1] + second[1]) // 2)
            # Left and right as seen along the line; y is down.
            across = (middle[0] - (second[1] - first[1]) // 6, middle[1] + (second[0] - first[0]) // 6)
            cv2.arrowedLine(canvas, middle, across, PLACE_COLOUR_BGR, thickness)
            _draw_caption(canvas, rule.name, first, thickness, PLACE_COLOUR_BGR)
    return canvas


def _thickness(canvas: Image) -> int:
    return max(2, round(float(min(canvas.shape[:2])) / 300))


def _pixel(point: Point, canvas: Image) -> Pixel:
    return round(point[0] * canvas.shape[1]), round(point[1] * canvas.shape[0])


def _draw_caption(canvas: Image, caption: str, corner: Pixel, thickness: int, colour: tuple[int, int, int]) -> None:
    """Draw text on a background of `colour`: above `corner` (x, y), or below it if there is no space."""
    coverage = text_mask(caption, CAPTION_SCALE * thickness)
    coverage = np.pad(coverage, CAPTION_PADDING)[: canvas.shape[0], : canvas.shape[1], np.newaxis]
    high, wide = coverage.shape[:2]
    left = min(max(0, corner[0]), canvas.shape[1] - wide)
    top = corner[1] - high if corner[1] >= high else min(max(0, corner[1]), canvas.shape[0] - high)
    words = (255, 255, 255) if colour == BOX_COLOUR_BGR else (0, 0, 0)
    shares = coverage / 255.0
    canvas[top : top + high, left : left + wide] = np.round(
        np.array(colour) * (1 - shares) + np.array(words) * shares
    )
