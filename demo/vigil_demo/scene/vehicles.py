"""Cars, vans, pickups and lorries, made of extruded outlines."""

import math
from dataclasses import dataclass

import numpy as np

from vigil_demo.scene.shapes import Outline, Placement, extrusion, face
from vigil_demo.scene.types import Colour, Primitive, Solid

KINDS = ("hatchback", "saloon", "suv", "van", "pickup", "lorry")
_PAINT: tuple[Colour, ...] = (
    (0.88, 0.88, 0.87), (0.7, 0.7, 0.69), (0.42, 0.41, 0.4), (0.13, 0.12, 0.12), (0.5, 0.28, 0.12),
    (0.65, 0.45, 0.25),
    (0.14, 0.12, 0.6), (0.1, 0.1, 0.4), (0.25, 0.4, 0.2), (0.35, 0.55, 0.62), (0.2, 0.62, 0.75), (0.1, 0.4, 0.8),
)  # fmt: skip
_GLASS: Colour = (0.27, 0.23, 0.2)
_TYRE: Colour = (0.08, 0.08, 0.08)
_RIM: Colour = (0.5, 0.5, 0.5)
_DARK: Colour = (0.12, 0.12, 0.12)


@dataclass(frozen=True)
class _Body:
    """Outlines are (forward, up) in m; the cabin is None if the body includes it."""

    length_m: float
    width_m: float
    wheel_radius_m: float
    body: Outline
    body_glass: tuple[int, ...]
    """Indices of the body's strips that are glass."""
    cabin: Outline | None
    side_windows: tuple[tuple[float, float, float, float], ...]
    """Rectangles (x1, y1, x2, y2) on the body's sides."""


def _low_body(length: float, belt: float, bonnet: float, bonnet_length: float, tail: float) -> Outline:
    half = length / 2
    return (
        (-half, 0.32), (-half, tail), (-half + 0.18, belt), (half - bonnet_length, belt),
        (half - 0.12, bonnet), (half, bonnet - 0.2), (half, 0.32),
    )  # fmt: skip


_BODIES: dict[str, _Body] = {
    "hatchback": _Body(
        4.0, 1.75, 0.31, _low_body(4.0, 0.95, 0.78, 1.1, 0.8), (),
        ((-1.9, 0.93), (-1.55, 1.46), (0.15, 1.5), (1.0, 0.93)), (),
    ),
    "saloon": _Body(
        4.6, 1.8, 0.32, _low_body(4.6, 0.95, 0.78, 1.3, 0.85), (),
        ((-1.5, 0.93), (-0.95, 1.4), (0.35, 1.43), (1.15, 0.93)), (),
    ),
    "suv": _Body(
        4.5, 1.9, 0.37, _low_body(4.5, 1.08, 0.95, 1.1, 0.95), (),
        ((-2.15, 1.06), (-1.95, 1.68), (0.45, 1.72), (1.2, 1.06)), (),
    ),
    "van": _Body(
        5.2, 1.95, 0.34,
        ((-2.6, 0.35), (-2.6, 2.15), (-2.45, 2.25), (1.2, 2.25), (1.95, 1.3), (2.5, 1.05), (2.6, 0.8), (2.6, 0.35)),
        (3,),
        None, ((0.75, 1.25, 1.6, 1.85),),
    ),
    "pickup": _Body(
        5.1, 1.85, 0.37, _low_body(5.1, 1.02, 0.92, 1.3, 0.95), (),
        ((-0.55, 1.0), (-0.4, 1.68), (0.7, 1.7), (1.35, 1.0)), (),
    ),
    "lorry": _Body(
        6.6, 2.2, 0.42, ((-3.3, 0.55), (-3.3, 0.95), (3.3, 0.95), (3.3, 0.55)), (), None, (),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Appearance:
    """Kind and paint of a vehicle."""

    kind: str
    paint: Colour
    scale: float
    cargo: Colour
    stripe: Colour | None


def make_appearance(rng: np.random.Generator, kind: str | None = None) -> Appearance:
    """Return a random vehicle."""
    base = _PAINT[int(rng.integers(len(_PAINT)))]
    shade = rng.uniform(0.85, 1.08)
    cargo = _PAINT[int(rng.choice([0, 0, 1, 4, 8]))]
    return Appearance(
        kind or KINDS[int(rng.choice(len(KINDS), p=[0.24, 0.22, 0.18, 0.2, 0.08, 0.08]))],
        (base[0] * shade, base[1] * shade, base[2] * shade),
        float(rng.uniform(0.94, 1.06)),
        cargo,
        _PAINT[int(rng.integers(len(_PAINT)))] if rng.random() < 0.15 else None,
    )


def vehicle(
    look: Appearance, x: float, z: float, heading_rad: float, *, rolled_m: float = 0.0, lights: bool = False
) -> Solid:
    """Return a vehicle with its centre over (x, z). `rolled_m` is the travelled distance, which turns its wheels."""
    place = Placement(x, z, heading_rad)
    body = _BODIES[look.kind]
    half = body.width_m * look.scale / 2
    parts: list[Primitive] = []
    outline = _scaled(body.body, look.scale)
    strips = [_GLASS if number in body.body_glass else look.paint for number in range(len(outline))]
    parts += extrusion(place, outline, half, half * (0.9 if look.kind == "van" else 0.97), strips, look.paint)
    if body.cabin is not None:
        parts += _cabin(place, _scaled(body.cabin, look.scale), half, look)
    if look.kind == "lorry":
        parts += _lorry_boxes(place, half, look)
    if look.kind == "pickup":
        parts += [
            face(
                place,
                [(-2.4, 1.03, 0.75), (-0.6, 1.03, 0.75), (-0.6, 1.03, -0.75), (-2.4, 1.03, -0.75)],
                (0, 1, 0),
                _DARK,
                1,
            )
        ]
    parts += _sides(place, body, half, look)
    parts += _wheels(place, body, half, look.scale, rolled_m)
    parts += _ends(place, body, half, look, lights=lights)
    return Solid(tuple(parts), x, z, "vehicle")


def _scaled(outline: Outline, scale: float) -> list[tuple[float, float]]:
    return [(x * scale, y * scale) for x, y in outline]


def _cabin(place: Placement, cabin: Outline, half: float, look: Appearance) -> list[Primitive]:
    low, high = cabin[0][1], cabin[1][1]
    parts: list[Primitive] = [
        *extrusion(place, cabin, half * 0.95, half * 0.74, [_GLASS, look.paint, _GLASS, look.paint], look.paint, 1)
    ]
    # Side windows: the cabin's side, shrunk towards its middle, with a pillar between the doors.
    centre = sum(x for x, _ in cabin) / 4
    for sign in (1.0, -1.0):
        for front in (True, False):
            corners = []
            for x, y in cabin:
                share = (y - low) / (high - low)
                height = low + 0.1 * (high - low) + share * 0.78 * (high - low)
                pillar = centre + (0.05 if front else -0.05)
                along = centre + (x - centre) * 0.84 if (x > centre) == front else pillar
                wide = half * (0.95 + (0.74 - 0.95) * (height - low) / (high - low)) + 0.005
                corners.append((along, height, sign * wide))
            parts.append(face(place, corners, (0.0, 0.3, sign), _GLASS, 2))
    return parts


def _lorry_boxes(place: Placement, half: float, look: Appearance) -> list[Primitive]:
    cab = [(1.7, 0.6), (1.7, 2.3), (2.9, 2.3), (3.25, 1.5), (3.3, 0.6)]
    window = [(2.0, 1.45), (2.9, 1.45), (2.8, 2.1), (2.0, 2.1)]
    box = [(-3.3, 0.95), (-3.3, 2.9), (1.55, 2.9), (1.55, 0.95)]
    return [
        *extrusion(place, cab, half * 0.95, half * 0.9, [look.paint, look.paint, _GLASS, look.paint], look.paint, 1),
        *extrusion(place, box, half, half, [look.cargo], look.cargo, 1),
        *(
            face(place, [(x, y, s * half) for x, y in window], (0, 0, s), _GLASS, 2)
            for s in (1.0, -1.0)
        ),
    ]  # fmt: skip


def _sides(place: Placement, body: _Body, half: float, look: Appearance) -> list[Primitive]:
    parts: list[Primitive] = []
    length = body.length_m * look.scale
    for sign in (1.0, -1.0):
        z = sign * (half + 0.01)
        sill = [
            (-length / 2 + 0.1, 0.33, z),
            (length / 2 - 0.1, 0.33, z),
            (length / 2 - 0.1, 0.45, z),
            (-length / 2 + 0.1, 0.45, z),
        ]
        parts.append(face(place, sill, (0, 0, sign), _DARK, 3))
        for x1, y1, x2, y2 in body.side_windows:
            parts.append(
                face(place, [(x1, y1, z), (x2, y1, z), (x2 - 0.25, y2, z), (x1, y2, z)], (0, 0, sign), _GLASS, 3)
            )
        if look.stripe is not None:
            y1, y2 = 0.62, 0.75
            parts.append(
                face(
                    place,
                    [
                        (-length * 0.45, y1, z),
                        (length * 0.42, y1, z),
                        (length * 0.42, y2, z),
                        (-length * 0.45, y2, z),
                    ],
                    (0, 0, sign),
                    look.stripe,
                    3,
                )
            )
    return parts  # fmt: skip


def _wheels(place: Placement, body: _Body, half: float, scale: float, rolled_m: float) -> list[Primitive]:
    parts: list[Primitive] = []
    radius, axle = body.wheel_radius_m * scale, body.length_m * scale * 0.3
    angles = np.linspace(0, 2 * math.pi, 16, endpoint=False)
    for sign in (1.0, -1.0):
        for x in (-axle, axle):
            for share, colour, layer, out in ((1.12, _DARK, 4, 0.012), (1.0, _TYRE, 5, 0.02), (0.58, _RIM, 6, 0.03)):
                ring = [
                    (x + share * radius * math.cos(a), radius + share * radius * math.sin(a), sign * (half + out))
                    for a in angles
                ]
                parts.append(face(place, ring, (0, 0, sign), colour, layer))
            turn = rolled_m / radius
            spoke = [
                (
                    x + 0.5 * radius * math.cos(turn + a),
                    radius - 0.5 * radius * math.sin(turn + a),
                    sign * (half + 0.035),
                )
                for a in (-0.25, 0.25, math.pi - 0.25, math.pi + 0.25)
            ]
            parts.append(face(place, spoke, (0, 0, sign), _DARK, 7))
    return parts  # fmt: skip


def _ends(place: Placement, body: _Body, half: float, look: Appearance, *, lights: bool) -> list[Primitive]:
    parts: list[Primitive] = []
    front, low = body.length_m * look.scale / 2 + 0.01, 0.55 if look.kind != "lorry" else 0.7
    for end, colour in ((front, (0.8, 0.9, 0.95)), (-front, (0.1, 0.08, 0.55))):
        lit = lights and end > 0
        for sign in (1.0, -1.0):
            y = sign * half * 0.78
            corners = [
                (end, low, y - 0.18),
                (end, low, y + 0.18),
                (end, low + 0.16, y + 0.18),
                (end, low + 0.16, y - 0.18),
            ]
            parts.append(
                face(
                    place, corners, (math.copysign(1, end), 0, 0), (1.0, 1.0, 1.0) if lit else colour, 4, emissive=lit
                )
            )
        plate = [(end, 0.42, -0.26), (end, 0.42, 0.26), (end, 0.54, 0.26), (end, 0.54, -0.26)]
        parts.append(face(place, plate, (math.copysign(1, end), 0, 0), (0.8, 0.8, 0.8), 4))
    return parts
