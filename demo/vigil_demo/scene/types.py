"""Types that the renderer's modules exchange."""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]
"""float32 at run time; numpy's types cannot tell that arithmetic with Python's numbers keeps it so."""
ByteArray = npt.NDArray[np.uint8]
Colour = tuple[float, float, float]
"""Blue, green, red in 0..1."""

LABELS: Final = ("person", "vehicle", "fire", "smoke")
"""The demo model's classes, in the order of their numbers."""


@dataclass(frozen=True)
class Truth:
    """One object that is actually in the frame."""

    label: str
    box: tuple[float, float, float, float]
    """x1, y1, x2, y2 as fractions of width and height: the visible part of the object."""
    visible: float
    """Visible fraction of the object's pixels, 0..1."""


@dataclass(frozen=True)
class Picture:
    """One rendered frame and its ground truth."""

    image: ByteArray
    """(H, W, 3) uint8 BGR."""
    truths: tuple[Truth, ...]


@dataclass(frozen=True)
class Hull:
    """The convex hull of some balls: limbs, torsos, bushes, cones."""

    points: FloatArray
    """(N, 3) m."""
    radii: FloatArray
    """(N,) m."""
    colour: Colour
    layer: int = 0
    emissive: bool = False
    depth_bias_m: float = 0.0


@dataclass(frozen=True)
class Face:
    """A flat convex polygon."""

    points: FloatArray
    """(N, 3) m."""
    normal: FloatArray | None
    """(3,) pointing outwards; None if both sides are visible."""
    colour: Colour
    layer: int = 0
    emissive: bool = False


Primitive = Hull | Face


@dataclass(frozen=True)
class Solid:
    """An object that stands on the ground and casts a shadow."""

    primitives: tuple[Primitive, ...]
    x: float
    z: float
    label: str | None = None
    """None for objects that are not to be detected."""
    supersample: int = 3


@dataclass(frozen=True)
class Patch:
    """Pixels to draw over an image at column `x`, row `y`."""

    x: int
    y: int
    colour: FloatArray
    """(h, w, 3), premultiplied by alpha."""
    alpha: FloatArray
    """(h, w)."""


@dataclass(frozen=True)
class Glow:
    """Light that an object adds to its surroundings: centre and radius in pixels."""

    x: float
    y: float
    radius: float
    colour: Colour


@dataclass(frozen=True)
class Effect:
    """Fire or smoke: it has no surface, so its truth is the area where alpha exceeds `threshold`."""

    label: str
    patch: Patch
    z: float
    threshold: float
    glow: Glow | None = None


@dataclass
class Contents:
    """The objects in front of the background at a time."""

    solids: list[Solid] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
