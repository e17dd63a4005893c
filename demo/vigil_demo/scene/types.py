"""What the renderer's parts hand to each other."""

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
    """One object that is really in the picture."""

    label: str
    box: tuple[float, float, float, float]
    """x1, y1, x2, y2 as fractions of width and height: what can be seen of the object."""
    visible: float
    """Share of the object's pixels that nothing hides, 0..1."""


@dataclass(frozen=True)
class Picture:
    """One frame and what is in it."""

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
    """(3,) pointing outwards; None when both sides are to be seen."""
    colour: Colour
    layer: int = 0
    emissive: bool = False


Primitive = Hull | Face


@dataclass(frozen=True)
class Solid:
    """Something that stands on the ground and casts a shadow."""

    primitives: tuple[Primitive, ...]
    x: float
    z: float
    label: str | None = None
    """None for what is no object to detect."""
    supersample: int = 3


@dataclass(frozen=True)
class Patch:
    """Pixels to lay over a picture at column `x`, row `y`."""

    x: int
    y: int
    colour: FloatArray
    """(h, w, 3), premultiplied by alpha."""
    alpha: FloatArray
    """(h, w)."""


@dataclass(frozen=True)
class Glow:
    """Light that something adds to its surroundings: centre and radius in pixels."""

    x: float
    y: float
    radius: float
    colour: Colour


@dataclass(frozen=True)
class Effect:
    """Fire or smoke: no surface, so that its truth is where its alpha passes `threshold`."""

    label: str
    patch: Patch
    z: float
    threshold: float
    glow: Glow | None = None


@dataclass
class Contents:
    """What is in front of the background at one moment."""

    solids: list[Solid] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
