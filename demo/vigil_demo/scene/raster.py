"""Rasterise primitives as anti-aliased patches, and shadows as masks."""

from collections.abc import Iterable

import cv2
import numpy as np
import numpy.typing as npt

from vigil_demo.scene.light import Light
from vigil_demo.scene.types import ByteArray, Face, FloatArray, Hull, Patch, Primitive, Solid
from vigil_demo.scene.viewpoint import Viewpoint

_SUBPIXEL_BITS = 4
_ANGLES = np.linspace(0, 2 * np.pi, 16, endpoint=False, dtype=np.float32)
_CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)
_Shape = tuple[tuple[int, float], FloatArray, FloatArray]
"""Order (layer, nearness), outline (N, 2) in pixels, colour (3,)."""


def _hull_outline(view: Viewpoint, hull: Hull, shrink: float, shift: FloatArray) -> tuple[FloatArray, float]:
    pixels, depth = view.project(hull.points)
    radii = np.maximum(hull.radii * view.focal_px / depth, 0.35)
    centres = pixels + shift[None, :] * radii[:, None]
    circles = centres[:, None, :] + _CIRCLE[None] * (radii * shrink)[:, None, None]
    outline = cv2.convexHull(circles.reshape(-1, 2).astype(np.float32))[:, 0, :]
    return np.asarray(outline, np.float32), float(depth.mean())


def _hull_shapes(view: Viewpoint, hull: Hull, light: Light, lamp_light: FloatArray) -> Iterable[_Shape]:
    outline, depth = _hull_outline(view, hull, 1.0, np.zeros(2, np.float32))
    albedo = np.array(hull.colour, np.float32)
    colour = albedo if hull.emissive else light.shade(hull.colour, None, lamp_light)
    order = (hull.layer, -(depth + hull.depth_bias_m))
    if hull.emissive:
        yield order, outline, colour
        return
    yield order, outline, colour * 0.8
    # A lighter, smaller copy towards the light makes the limb look round.
    sideways = float(np.sign(light.sun_direction[0])) * 0.25
    inner, _ = _hull_outline(view, hull, 0.62, np.array([sideways, -0.18], np.float32))
    yield order, inner, colour


def _face_shape(view: Viewpoint, face: Face, light: Light, lamp_light: FloatArray) -> _Shape | None:
    centre = face.points.mean(axis=0)
    if face.normal is not None and float(face.normal @ (view.position - centre)) <= 0:
        return None
    pixels, depth = view.project(face.points)
    colour = np.array(face.colour, np.float32) if face.emissive else light.shade(face.colour, face.normal, lamp_light)
    return (face.layer, -float(depth.mean())), pixels, colour


def _shapes(view: Viewpoint, primitives: Iterable[Primitive], light: Light, lamp_light: FloatArray) -> list[_Shape]:
    shapes: list[_Shape] = []
    for primitive in primitives:
        if isinstance(primitive, Hull):
            shapes.extend(_hull_shapes(view, primitive, light, lamp_light))
        else:
            shape = _face_shape(view, primitive, light, lamp_light)
            if shape is not None:
                shapes.append(shape)
    return sorted(shapes, key=lambda shape: shape[0])


def _bounds(view: Viewpoint, outlines: list[FloatArray], margin: int) -> tuple[int, int, int, int] | None:
    points = np.concatenate(outlines)
    left, top = np.floor(points.min(axis=0)).astype(int) - margin
    right, bottom = np.ceil(points.max(axis=0)).astype(int) + margin
    left, top = max(left, 0), max(top, 0)
    right, bottom = min(right, view.width), min(bottom, view.height)
    if right - left < 1 or bottom - top < 1:
        return None
    return int(left), int(top), int(right), int(bottom)


def _fixed_point(outline: FloatArray, left: int, top: int, scale: int) -> npt.NDArray[np.int32]:
    local = (outline - np.array([left, top], np.float32)) * scale - 0.5
    return np.asarray(np.round(np.clip(local, -20_000, 20_000) * (1 << _SUBPIXEL_BITS)), np.int32)


def draw_solid(view: Viewpoint, solid: Solid, light: Light) -> Patch | None:
    """Return the solid's pixels; None if it is outside the frame."""
    where = np.array([solid.x], np.float32), np.array([solid.z], np.float32)
    shapes = _shapes(view, solid.primitives, light, light.lamps_at(*where)[0])
    if not shapes:
        return None
    bounds = _bounds(view, [outline for _, outline, _ in shapes], 1)
    if bounds is None:
        return None
    left, top, right, bottom = bounds
    scale = solid.supersample
    canvas = np.zeros(((bottom - top) * scale, (right - left) * scale, 4), np.uint8)
    for _, outline, colour in shapes:
        blue, green, red = (float(value) for value in np.clip(colour, 0, 1) * 255)
        cv2.fillConvexPoly(
            canvas, _fixed_point(outline, left, top, scale), (blue, green, red, 255.0), cv2.LINE_8, _SUBPIXEL_BITS
        )
    small = cv2.resize(canvas, (right - left, bottom - top), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    alpha = np.ascontiguousarray(small[..., 3])
    haze = light.haze(view.depth_of(solid.x, 0.8, solid.z))
    pixels = small[..., :3] * (1 - haze) + np.array(light.fog, np.float32) * haze * alpha[..., None]
    return Patch(left, top, pixels.astype(np.float32), alpha)


def draw_shadow(view: Viewpoint, solid: Solid, light: Light) -> tuple[int, int, FloatArray] | None:
    """Return column, row and mask (h, w) in 0..1 of the solid's shadow on the ground."""
    x, y, z = light.sun_direction
    slope = np.array([x, z], np.float32) / max(y, 0.25)
    outlines: list[FloatArray] = []
    for primitive in solid.primitives:
        flat = primitive.points.copy()
        flat[:, [0, 2]] -= flat[:, 1:2] * slope
        flat[:, 1] = 0
        if isinstance(primitive, Hull):
            outlines.append(
                _hull_outline(view, Hull(flat, primitive.radii, primitive.colour), 0.8, np.zeros(2, np.float32))[0]
            )
        else:
            outlines.append(np.asarray(cv2.convexHull(view.project(flat)[0])[:, 0, :], np.float32))
    bounds = _bounds(view, outlines, 4)
    if bounds is None:
        return None
    left, top, right, bottom = bounds
    mask: ByteArray = np.zeros((bottom - top, right - left), np.uint8)
    for outline in outlines:
        cv2.fillConvexPoly(mask, _fixed_point(outline, left, top, 1), 255.0, cv2.LINE_AA, _SUBPIXEL_BITS)
    soft = cv2.GaussianBlur(mask, (0, 0), 1.2 if light.sun[1] > 0.2 else 3.0)
    return left, top, soft.astype(np.float32) / 255
