"""Compose objects over the background from far to near, and record the visible part of each."""

import cv2
import numpy as np

from vigil_demo.scene.background import Yard, draw_background
from vigil_demo.scene.light import Light
from vigil_demo.scene.raster import draw_shadow, draw_solid
from vigil_demo.scene.types import Contents, Effect, FloatArray, Glow, Patch, Solid, Truth
from vigil_demo.scene.viewpoint import Viewpoint

_SOLID_ALPHA = 0.4
_LEAST_VISIBLE = 0.3
_LEAST_SIDE_PX = 5


class Stage:
    """One yard seen by one camera in one light, with its props already lit."""

    def __init__(
        self,
        view: Viewpoint,
        yard: Yard,
        light: Light,
        props: tuple[Solid, ...] = (),
        background_supersample: int = 1,
    ) -> None:
        self.view, self.yard, self.light = view, yard, light
        self._empty = draw_background(view, yard, light, background_supersample)
        for prop in props:
            _darken(self._empty, view, prop, light)
        patches = ((draw_solid(view, prop, light), prop.z) for prop in props)
        self._props = [(patch, z) for patch, z in patches if patch is not None]

    def render(self, contents: Contents) -> tuple[FloatArray, tuple[Truth, ...]]:
        """Return the image, (H, W, 3) float32 BGR, and its truths."""
        canvas = self._empty.copy()
        for solid in contents.solids:
            _darken(canvas, self.view, solid, self.light)
        for effect in contents.effects:
            if effect.glow is not None:
                _add_glow(canvas, effect.glow)
        layers: list[tuple[float, Patch, str | None, float]] = [
            *((z, patch, None, _SOLID_ALPHA) for patch, z in self._props),
            *((effect.z, effect.patch, effect.label, effect.threshold) for effect in contents.effects),
        ]
        for solid in contents.solids:
            patch = draw_solid(self.view, solid, self.light)
            if patch is not None:
                layers.append((solid.z, patch, solid.label, _SOLID_ALPHA))
        layers.sort(key=lambda layer: -layer[0])
        for _, patch, _, _ in layers:
            _lay(canvas, patch)
        if contents.effects:
            _bloom(canvas, contents.effects)
        truths = _truths([(patch, label, threshold) for _, patch, label, threshold in layers], self.view)
        return canvas, truths


def _region(patch: Patch) -> tuple[slice, slice]:
    height, width = patch.alpha.shape
    return slice(patch.y, patch.y + height), slice(patch.x, patch.x + width)


def _lay(canvas: FloatArray, patch: Patch) -> None:
    region = canvas[_region(patch)]
    region *= 1 - patch.alpha[..., None]
    region += patch.colour


def _darken(canvas: FloatArray, view: Viewpoint, solid: Solid, light: Light) -> None:
    shadow = draw_shadow(view, solid, light)
    if shadow is None:
        return
    left, top, mask = shadow
    height, width = mask.shape
    canvas[top : top + height, left : left + width] *= 1 - light.shadow * mask[..., None]


def _add_glow(canvas: FloatArray, glow: Glow) -> None:
    height, width = canvas.shape[:2]
    left, right = max(0, int(glow.x - glow.radius * 2)), min(width, int(glow.x + glow.radius * 2))
    top, bottom = max(0, int(glow.y - glow.radius * 2)), min(height, int(glow.y + glow.radius * 2))
    if right <= left or bottom <= top:
        return
    x = (np.arange(left, right, dtype=np.float32) - glow.x) / glow.radius
    y = (np.arange(top, bottom, dtype=np.float32) - glow.y) / glow.radius
    strength = np.exp(-(x[None] ** 2 + y[:, None] ** 2))[..., None] * np.array(glow.colour, np.float32)
    region = canvas[top:bottom, left:right]
    region += strength * (0.25 + region)


def _bloom(canvas: FloatArray, effects: list[Effect]) -> None:
    """Spread the light of bright flames to their surroundings, as a lens does."""
    for effect in effects:
        if effect.glow is None:
            continue
        region = canvas[_region(effect.patch)]
        region += 0.25 * cv2.GaussianBlur(effect.patch.colour, (0, 0), 3.0)


def _truths(layers: list[tuple[Patch, str | None, float]], view: Viewpoint) -> tuple[Truth, ...]:
    """Return the truths of the labelled layers, which are ordered from far to near."""
    truths = []
    for number, (patch, label, threshold) in enumerate(layers):
        if label is None:
            continue
        whole = patch.alpha > threshold
        total = int(whole.sum())
        if total == 0:
            continue
        seen = _not_hidden(patch, layers[number + 1 :]) > threshold
        columns, rows = np.flatnonzero(seen.any(axis=0)), np.flatnonzero(seen.any(axis=1))
        visible = float(seen.sum()) / total
        if visible < _LEAST_VISIBLE or len(columns) < _LEAST_SIDE_PX or len(rows) < _LEAST_SIDE_PX:
            continue
        box = (
            (patch.x + int(columns[0])) / view.width, (patch.y + int(rows[0])) / view.height,
            (patch.x + int(columns[-1]) + 1) / view.width, (patch.y + int(rows[-1]) + 1) / view.height,
        )  # fmt: skip
        truths.append(Truth(label, box, visible))
    return tuple(truths)


def _not_hidden(patch: Patch, nearer: list[tuple[Patch, str | None, float]]) -> FloatArray:
    """Return the patch's alpha minus the part that nearer patches cover."""
    left = patch.alpha.copy()
    height, width = left.shape
    for other, _, _ in nearer:
        x1, y1 = max(patch.x, other.x), max(patch.y, other.y)
        x2 = min(patch.x + width, other.x + other.alpha.shape[1])
        y2 = min(patch.y + height, other.y + other.alpha.shape[0])
        if x2 > x1 and y2 > y1:
            cover = other.alpha[y1 - other.y : y2 - other.y, x1 - other.x : x2 - other.x]
            left[y1 - patch.y : y2 - patch.y, x1 - patch.x : x2 - patch.x] *= 1 - cover
    return left
