"""Walking, running, standing and crouching figures: a skeleton of balls and hulls."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vigil_demo.scene.shapes import Placement
from vigil_demo.scene.types import Colour, Hull, Primitive, Solid

_Point = tuple[float, float, float]

GAITS = ("walk", "stand", "run", "crouch")
_SKIN: tuple[Colour, ...] = ((0.52, 0.66, 0.86), (0.4, 0.55, 0.76), (0.26, 0.38, 0.56), (0.15, 0.22, 0.34))
_HAIR: tuple[Colour, ...] = ((0.06, 0.07, 0.09), (0.1, 0.16, 0.25), (0.35, 0.55, 0.7), (0.6, 0.6, 0.62))
_CLOTH: tuple[Colour, ...] = (
    (0.12, 0.12, 0.13), (0.3, 0.3, 0.32), (0.62, 0.62, 0.62), (0.85, 0.86, 0.86), (0.45, 0.22, 0.12),
    (0.6, 0.4, 0.2), (0.16, 0.14, 0.55), (0.2, 0.25, 0.7), (0.2, 0.36, 0.16), (0.3, 0.45, 0.5),
    (0.55, 0.7, 0.78), (0.35, 0.16, 0.38), (0.1, 0.3, 0.42), (0.7, 0.55, 0.3),
)  # fmt: skip
_HI_VIS: tuple[Colour, ...] = ((0.1, 0.85, 0.85), (0.08, 0.45, 0.95))


@dataclass(frozen=True)
class Appearance:
    """A person's appearance, independent of the pose."""

    height_m: float
    girth: float
    """1 is average."""
    top: Colour
    bottom: Colour
    shoes: Colour
    skin: Colour
    hair: Colour
    coat: bool
    hood: bool
    backpack: Colour | None
    vest_stripe: bool


def _pick(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    base = colours[int(rng.integers(len(colours)))]
    shade = rng.uniform(0.85, 1.1)
    return base[0] * shade, base[1] * shade, base[2] * shade


def make_appearance(rng: np.random.Generator) -> Appearance:
    """Return random clothes and build."""
    hi_vis = bool(rng.random() < 0.12)
    return Appearance(
        height_m=float(np.clip(rng.normal(1.73, 0.1), 1.4, 1.98)),
        girth=float(rng.uniform(0.85, 1.25)),
        top=_pick(rng, _HI_VIS if hi_vis else _CLOTH),
        bottom=_pick(rng, _CLOTH),
        shoes=_pick(rng, _CLOTH[:4]),
        skin=_pick(rng, _SKIN),
        hair=_pick(rng, _HAIR),
        coat=bool(rng.random() < 0.2),
        hood=bool(rng.random() < 0.2),
        backpack=_pick(rng, _CLOTH) if rng.random() < 0.2 else None,
        vest_stripe=hi_vis,
    )


@dataclass(frozen=True)
class _Pose:
    """Angles in radians; positive swings forward. `drop` lowers the hips by a share of the height."""

    thigh: tuple[float, float]
    knee: tuple[float, float]
    shoulder: tuple[float, float]
    elbow: float
    lean: float
    drop: float


def _pose(gait: str, phase: float) -> _Pose:
    swing = math.sin(phase)
    if gait == "stand":
        sway = 0.05 * swing
        return _Pose((0.05, -0.05), (0.03, 0.03), (sway, -sway), 0.25, 0.02, 0.0)
    if gait == "crouch":
        return _Pose((1.5, 1.1), (1.9, 1.9), (0.7, 0.5), 0.7, 0.5, 0.24)
    thigh, knee, arm, elbow, lean = (0.48, 0.75, 0.42, 0.3, 0.05) if gait == "walk" else (0.75, 1.35, 0.75, 1.4, 0.22)
    # The knee bends while its leg swings forward: a quarter turn ahead of the thigh (Winter, gait kinematics).
    bend = (max(0.05, knee * math.cos(phase)), max(0.05, -knee * math.cos(phase)))
    # Straight legs are longest when together: the hips rise and fall twice a cycle.
    drop = 0.012 + 0.018 * abs(swing) * (1.5 if gait == "run" else 1.0)
    return _Pose((thigh * swing, -thigh * swing), bend, (-arm * swing, arm * swing), elbow, lean, drop)


class _Figure:
    """Assembles a body; coordinates are forward, up, left in m."""

    def __init__(self, look: Appearance, place: Placement, pose: _Pose, back_m: float) -> None:
        self.look, self.place, self.pose, self.back_m = look, place, pose, back_m
        tall = look.height_m
        self.hip_y = (0.53 - pose.drop) * tall
        self.shoulder_x = back_m + 0.29 * tall * math.sin(pose.lean)
        self.shoulder_y = self.hip_y + 0.29 * tall * math.cos(pose.lean)
        self.wide = 0.6 + 0.4 * look.girth
        self.parts: list[Primitive] = []

    def _hull(self, points: Sequence[_Point], radii: Sequence[float], colour: Colour, bias_m: float = 0.0) -> None:
        """`radii` in body heights; `bias_m` brings a part nearer (negative) in the order of drawing."""
        sizes = np.array(radii, np.float32) * self.look.height_m
        self.parts.append(Hull(self.place.points(points), sizes, colour, depth_bias_m=bias_m))

    def leg(self, number: int, side: float) -> None:
        """Thigh, shin and shoe."""
        look, tall = self.look, self.look.height_m
        hip = (self.back_m, self.hip_y, side * 0.052 * tall)
        thigh, shin = self.pose.thigh[number], self.pose.thigh[number] - self.pose.knee[number]
        knee = (hip[0] + 0.245 * tall * math.sin(thigh), hip[1] - 0.245 * tall * math.cos(thigh), hip[2])
        ankle = (knee[0] + 0.24 * tall * math.sin(shin), knee[1] - 0.24 * tall * math.cos(shin), hip[2])
        toe_y = max(0.02, ankle[1] - 0.02 * tall + 0.06 * tall * math.sin(shin))
        toe = (ankle[0] + 0.085 * tall * math.cos(shin), toe_y, hip[2])
        self._hull([hip, knee], [0.056 * look.girth, 0.04], look.bottom)
        self._hull([knee, ankle], [0.04, 0.027], look.bottom)
        self._hull([(ankle[0], max(0.03, ankle[1] - 0.015 * tall), ankle[2]), toe], [0.026, 0.02], look.shoes)

    def arm(self, number: int, side: float) -> None:
        """Upper arm, forearm and hand."""
        look, tall = self.look, self.look.height_m
        shoulder = (self.shoulder_x, self.shoulder_y, side * 0.115 * tall * self.wide)
        upper = self.pose.shoulder[number]
        fore = upper + self.pose.elbow
        elbow_x = shoulder[0] + 0.165 * tall * math.sin(upper)
        elbow = (elbow_x, shoulder[1] - 0.165 * tall * math.cos(upper), shoulder[2] * 1.12)
        wrist = (elbow[0] + 0.15 * tall * math.sin(fore), elbow[1] - 0.15 * tall * math.cos(fore), elbow[2])
        self._hull([shoulder, elbow], [0.036, 0.029], look.top)
        self._hull([elbow, wrist], [0.028, 0.021], look.top)
        self._hull([wrist], [0.024], look.skin)

    def torso(self) -> None:
        """Chest, and what is worn over it."""
        look, tall, wide = self.look, self.look.height_m, self.wide
        x, y, back, hip_y = self.shoulder_x, self.shoulder_y, self.back_m, self.hip_y
        shoulders = _both_sides(x, y, 0.09 * tall * wide)
        waist = _both_sides(back, hip_y - 0.01 * tall, 0.06 * tall * wide)
        self._hull([*shoulders, *waist], [0.045, 0.045, 0.05 * look.girth, 0.05 * look.girth], look.top)
        if look.coat:
            hem = _both_sides(back, hip_y - 0.16 * tall, 0.07 * tall * wide)
            self._hull([*waist, *hem], [0.055] * 4, look.top, -0.05)
        if look.vest_stripe:
            middle = _both_sides((x + back) / 2, (y + hip_y) / 2, 0.085 * tall * wide)
            self._hull(middle, [0.03, 0.03], (0.8, 0.82, 0.82), -0.04)
        if look.backpack is not None:
            pack = [(x - 0.08 * tall, y - 0.03 * tall, 0.0), (back - 0.08 * tall, hip_y + 0.06 * tall, 0.0)]
            self._hull(pack, [0.07, 0.075], look.backpack)
        self._hull([(x, y + 0.03 * tall, 0.0)], [0.035], look.skin)

    def head(self) -> None:
        """Hair or hood, and the face."""
        look, tall = self.look, self.look.height_m
        x = self.shoulder_x + 0.015 * tall + 0.1 * tall * math.sin(self.pose.lean)
        y = self.shoulder_y + 0.115 * tall
        cover = look.top if look.hood else look.hair
        self._hull([(x - 0.01 * tall, y + 0.018 * tall, 0.0)], [0.062], cover, -0.02)
        self._hull([(x + 0.022 * tall, y - 0.012 * tall, 0.0)], [0.05], look.skin, -0.03)


def _both_sides(x: float, y: float, z: float) -> list[_Point]:
    return [(x, y, z), (x, y, -z)]


def person(
    look: Appearance, x: float, z: float, heading_rad: float, *, gait: str = "walk", phase: float = 0.0
) -> Solid:
    """Return a person with the feet at (x, z), facing `heading_rad`; a `phase` of 2π radians is two steps."""
    back_m = -0.1 * look.height_m if gait == "crouch" else 0.0
    figure = _Figure(look, Placement(x, z, heading_rad), _pose(gait, phase), back_m)
    for number, side in enumerate((1.0, -1.0)):
        figure.leg(number, side)
        figure.arm(number, side)
    figure.torso()
    figure.head()
    return Solid(tuple(figure.parts), x, z, "person", supersample=4)


def stride_phase(distance_m: float, height_m: float, *, running: bool = False) -> float:
    """Return the phase after `distance_m`: two steps of about 0.42 body heights each (0.65 running) are 2π."""
    return 2 * math.pi * distance_m / (2 * (0.65 if running else 0.42) * height_m)
