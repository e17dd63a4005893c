"""Boxes and extruded outlines made of faces, placed on the ground and turned."""

import math
from collections.abc import Sequence

import numpy as np

from vigil_demo.scene.types import Colour, Face, FloatArray

Outline = Sequence[tuple[float, float]]


class Placement:
    """Converts local coordinates (forward, up, left; m) to world coordinates by position and heading.

    Heading 0 points along +x (to the right in the image), π/2 away from the camera.
    """

    def __init__(self, x: float, z: float, heading_rad: float, y: float = 0.0) -> None:
        sin, cos = math.sin(heading_rad), math.cos(heading_rad)
        self.x, self.z = x, z
        self._rotation = np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]], np.float32)
        self._origin = np.array([x, y, z], np.float32)

    def points(self, local: Sequence[tuple[float, float, float]] | FloatArray) -> FloatArray:
        """(N, 3) world points."""
        return (np.asarray(local, np.float32) @ self._rotation.T + self._origin).astype(np.float32)

    def direction(self, local: tuple[float, float, float]) -> FloatArray:
        """(3,) world unit vector."""
        vector = self._rotation @ np.asarray(local, np.float32)
        return (vector / max(float(np.linalg.norm(vector)), 1e-6)).astype(np.float32)


def face(
    place: Placement,
    corners: Sequence[tuple[float, float, float]],
    normal: tuple[float, float, float],
    colour: Colour,
    layer: int = 0,
    *,
    emissive: bool = False,
) -> Face:
    """A face in local coordinates."""
    return Face(place.points(corners), place.direction(normal), colour, layer, emissive)


def extrusion(
    place: Placement,
    outline: Outline,
    bottom_half_width_m: float,
    top_half_width_m: float,
    colours: Sequence[Colour],
    side: Colour,
    layer: int = 0,
) -> list[Face]:
    """Extrude a convex outline (forward, up), clockwise seen from the right, to both sides.

    `colours` are those of the strips between one outline point and the next (the last strip closes the outline);
    the half width changes linearly from the outline's lowest to its highest point, so that cabins taper.
    """
    low, high = min(y for _, y in outline), max(y for _, y in outline)

    def half(y: float) -> float:
        share = (y - low) / max(high - low, 1e-6)
        return bottom_half_width_m + (top_half_width_m - bottom_half_width_m) * share

    faces = []
    for number, (a, b) in enumerate(zip(outline, [*outline[1:], outline[0]], strict=True)):
        corners = [(*a, half(a[1])), (*b, half(b[1])), (*b, -half(b[1])), (*a, -half(a[1]))]
        faces.append(face(place, corners, (-(b[1] - a[1]), b[0] - a[0], 0.0), colours[number % len(colours)], layer))
    lean = (bottom_half_width_m - top_half_width_m) / max(high - low, 1e-6)
    for sign in (1.0, -1.0):
        corners = [(x, y, sign * half(y)) for x, y in outline]
        faces.append(face(place, corners, (0.0, lean, sign), side, layer))
    return faces


def block(
    place: Placement, length_m: float, height_m: float, width_m: float, colour: Colour, layer: int = 0, y: float = 0.0
) -> list[Face]:
    """Return a box `y` m above the ground, centred on the placement."""
    outline = [(-length_m / 2, y), (-length_m / 2, y + height_m), (length_m / 2, y + height_m), (length_m / 2, y)]
    return extrusion(place, outline, width_m / 2, width_m / 2, [colour], colour, layer)
