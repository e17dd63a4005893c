"""Objects in the yard that are not of the model's classes: crates, barrels, cones, bushes, lamp posts."""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from vigil_demo.scene.shapes import Placement, block, extrusion, face
from vigil_demo.scene.types import Colour, Face, Hull, Primitive, Solid

_BIN: tuple[Colour, ...] = ((0.2, 0.35, 0.12), (0.3, 0.3, 0.3), (0.45, 0.25, 0.1), (0.1, 0.5, 0.6))
_CONTAINER: tuple[Colour, ...] = (
    (0.15, 0.2, 0.5),
    (0.45, 0.3, 0.12),
    (0.25, 0.4, 0.2),
    (0.5, 0.5, 0.5),
    (0.1, 0.35, 0.6),
)


def _choice(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    base = colours[int(rng.integers(len(colours)))]
    shade = rng.uniform(0.85, 1.1)
    return base[0] * shade, base[1] * shade, base[2] * shade


def crate(rng: np.random.Generator, x: float, z: float) -> Solid:
    """A wooden crate with slats."""
    place = Placement(x, z, rng.uniform(0, math.pi))
    size, wood = rng.uniform(0.6, 1.2), rng.uniform(0.8, 1.1)
    colour = (0.3 * wood, 0.46 * wood, 0.6 * wood)
    parts: list[Primitive] = [*block(place, size, size * 0.9, size, colour)]
    half, dark = size / 2 + 0.005, (0.2 * wood, 0.32 * wood, 0.43 * wood)
    for y in (0.25, 0.5, 0.75):
        low, high = size * 0.9 * y - 0.02, size * 0.9 * y + 0.02
        for sign in (1.0, -1.0):
            parts.append(
                face(
                    place,
                    [
                        (-half, low, sign * half),
                        (half, low, sign * half),
                        (half, high, sign * half),
                        (-half, high, sign * half),
                    ],
                    (0, 0, sign),
                    dark,
                    1,
                )
            )
            parts.append(
                face(
                    place,
                    [
                        (sign * half, low, -half),
                        (sign * half, low, half),
                        (sign * half, high, half),
                        (sign * half, high, -half),
                    ],
                    (sign, 0, 0),
                    dark,
                    1,
                )
            )
    return Solid(tuple(parts), x, z)  # fmt: skip


def wheelie_bin(rng: np.random.Generator, x: float, z: float) -> Solid:
    """A bin with a lid."""
    colour = _choice(rng, _BIN)
    place = Placement(x, z, rng.uniform(0, 2 * math.pi))
    lid = (colour[0] * 0.7, colour[1] * 0.7, colour[2] * 0.7)
    outline = [(-0.28, 0.0), (-0.36, 1.0), (0.36, 1.0), (0.28, 0.0)]
    return Solid(
        (*extrusion(place, outline, 0.27, 0.34, [colour], colour), *block(place, 0.76, 0.08, 0.72, lid, 1, 1.0)), x, z
    )


def _drum(x: float, z: float, radius: float, height: float, colour: Colour, bands: Colour) -> tuple[Primitive, ...]:
    place = Placement(x, z, 0.0)
    angles = np.linspace(0, 2 * math.pi, 17)
    faces: list[Face] = []
    levels = ((0.0, 0.3, colour), (0.3, 0.36, bands), (0.36, 0.64, colour), (0.64, 0.7, bands), (0.7, 1.0, colour))
    for low, high, paint in levels:
        for a, b in pairwise(angles):
            corners = [
                (radius * math.cos(s), height * y, radius * math.sin(s))
                for s, y in ((a, low), (b, low), (b, high), (a, high))
            ]
            middle = (a + b) / 2
            faces.append(face(place, corners, (math.cos(middle), 0, math.sin(middle)), paint))
    top = [(radius * math.cos(a), height, radius * math.sin(a)) for a in angles[:-1]]
    faces.append(face(place, top, (0, 1, 0), (0.08, 0.08, 0.09), 1))
    return tuple(faces)


def barrel(rng: np.random.Generator, x: float, z: float) -> Solid:
    """An oil drum, open at the top."""
    colour = _choice(rng, _CONTAINER)
    return Solid(_drum(x, z, 0.32, 0.9, colour, (colour[0] * 0.7, colour[1] * 0.7, colour[2] * 0.7)), x, z)


def cone(rng: np.random.Generator, x: float, z: float) -> Solid:
    """A traffic cone: as orange as fire, but not fire."""
    orange = (0.08, 0.35 * rng.uniform(0.8, 1.1), 0.9)
    points = [(0.0, 0.06, 0.0), (0.0, 0.68, 0.0)]
    place = Placement(x, z, 0.0)
    return Solid(
        (
            *block(place, 0.42, 0.05, 0.42, orange),
            Hull(place.points(points), np.array([0.15, 0.03], np.float32), orange, 1),
            Hull(
                place.points([(0.0, 0.34, 0.0), (0.0, 0.44, 0.0)]),
                np.array([0.1, 0.08], np.float32),
                (0.9, 0.9, 0.9),
                2,
            ),
        ),
        x,
        z,
    )


def bush(rng: np.random.Generator, x: float, z: float) -> Solid:
    """A round shrub of many leafy balls."""
    size, green = rng.uniform(0.5, 1.3), rng.uniform(0.7, 1.2)
    place = Placement(x, z, 0.0)
    parts: list[Primitive] = []
    for _ in range(26):
        offset = rng.normal(0, 0.38, 3) * size
        shade = green * rng.uniform(0.7, 1.25)
        centre = (float(offset[0]), float(abs(offset[1]) * 0.8 + 0.3 * size), float(offset[2]))
        radius = np.array([rng.uniform(0.16, 0.3) * size], np.float32)
        parts.append(Hull(place.points([centre]), radius, (0.13 * shade, 0.3 * shade, 0.19 * shade)))
    return Solid(tuple(parts), x, z)


def post(rng: np.random.Generator, x: float, z: float) -> Solid:
    """A bollard or a lamp post."""
    tall = rng.random() < 0.4
    height, radius = (rng.uniform(4, 6), 0.06) if tall else (rng.uniform(0.7, 1.0), 0.08)
    grey = rng.uniform(0.25, 0.6)
    yellow = not tall and rng.random() < 0.5
    colour = (0.1, 0.6, 0.75) if yellow else (grey, grey, grey)
    place = Placement(x, z, 0.0)
    parts: list[Primitive] = [
        Hull(place.points([(0, 0, 0), (0, height, 0)]), np.array([radius, radius], np.float32), colour)
    ]
    if tall:
        parts.append(
            Hull(place.points([(0, height, 0), (0, height, -0.9)]), np.array([0.06, 0.1], np.float32), colour)
        )
    return Solid(tuple(parts), x, z)


def container(rng: np.random.Generator, x: float, z: float) -> Solid:
    """A shipping container or a shed."""
    colour = _choice(rng, _CONTAINER)
    place = Placement(x, z, float(rng.choice([0.0, math.pi / 2, rng.uniform(-0.3, 0.3)])))
    length = float(rng.choice([3.0, 6.0]))
    parts: list[Primitive] = [*block(place, length, 2.5, 2.4, colour)]
    dark = (colour[0] * 0.82, colour[1] * 0.82, colour[2] * 0.82)
    for step in np.arange(-length / 2 + 0.15, length / 2 - 0.15, 0.4):
        for sign in (1.0, -1.0):
            side = sign * 1.205
            corners = [(step, 0.15, side), (step + 0.17, 0.15, side), (step + 0.17, 2.35, side), (step, 2.35, side)]
            parts.append(face(place, corners, (0, 0, sign), dark, 1))
    return Solid(tuple(parts), x, z)


def pallets(rng: np.random.Generator, x: float, z: float) -> Solid:
    """A stack of pallets."""
    place = Placement(x, z, rng.uniform(0, math.pi))
    parts: list[Primitive] = []
    for number in range(int(rng.integers(2, 7))):
        wood = rng.uniform(0.75, 1.1)
        parts += block(
            place, 1.2, 0.1, 0.8, (0.32 * wood, 0.48 * wood, 0.6 * wood), 2 * number + 1, 0.16 * number + 0.05
        )
        parts += block(place, 1.1, 0.06, 0.7, (0.1, 0.15, 0.2), 2 * number, 0.16 * number)
    return Solid(tuple(parts), x, z)


PROPS: tuple[Callable[[np.random.Generator, float, float], Solid], ...] = (
    crate, wheelie_bin, barrel, cone, bush, post, container, pallets,
)  # fmt: skip
