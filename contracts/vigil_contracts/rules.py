"""The zones, rules and schedule of a camera, as users configure them.

Coordinates are fractions of the frame's width and height; the origin is the top left corner.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from vigil_contracts.time_zones import load_time_zone

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Point = tuple[Fraction, Fraction]
Polygon = Annotated[tuple[Point, ...], Field(min_length=3, max_length=64)]
Name = Annotated[str, Field(min_length=1, max_length=64)]
Classes = Annotated[tuple[Name, ...], Field(max_length=100)]
"""Labels of a model, or alert types; the limits are those of the Camera resource."""

_STRICT = ConfigDict(allow_inf_nan=False, extra="forbid", frozen=True)


def check_polygon(polygon: tuple[Point, ...]) -> tuple[Point, ...]:
    """Raise `ValueError` unless the corners enclose an area (shoelace formula)."""
    following = [*polygon[1:], polygon[0]]
    doubled = sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in zip(polygon, following, strict=True))
    if abs(doubled) < 2e-6:
        raise ValueError("the corners must enclose an area; they lie on one line, or the outline crosses itself")
    return polygon


class Zone(BaseModel):
    """An area of the frame. An object is in it if the middle of its box's lower edge is."""

    model_config = _STRICT

    name: Name
    points: Polygon = Field(description="Corners of the zone, at least three, each [x, y].")

    _encloses = field_validator("points")(check_polygon)


class Day(StrEnum):
    """A day of the week."""

    MONDAY = "mon"
    TUESDAY = "tue"
    WEDNESDAY = "wed"
    THURSDAY = "thu"
    FRIDAY = "fri"
    SATURDAY = "sat"
    SUNDAY = "sun"


class Window(BaseModel):
    """A daily time from HH:MM to HH:MM. If its end is not after its start, it ends on the next day."""

    model_config = _STRICT

    days: tuple[Day, ...] = Field(min_length=1, max_length=7, description="Days on which the window starts.")
    start: str = Field(max_length=5, pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")
    end: str = Field(max_length=5, pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")


class Schedule(BaseModel):
    """When a camera's rules are armed."""

    model_config = _STRICT

    time_zone: str = Field(min_length=1, max_length=64, description="IANA name such as Europe/Berlin.")
    windows: tuple[Window, ...] = Field(min_length=1, max_length=32)

    @field_validator("time_zone")
    @classmethod
    def _is_known(cls, name: str) -> str:
        try:
            load_time_zone(name)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("must be a time zone of the IANA database, such as Europe/Berlin or UTC") from error
        return name


class BaseRule(BaseModel):
    """The conditions on an object that all rules have."""

    model_config = _STRICT

    name: Name
    classes: Classes = Field(default=(), description="Labels or alert types; empty: all that the camera detects.")
    minimum_confidence: Fraction = Field(default=0.0, description="Minimum confidence, in addition to the camera's.")
    minimum_size: Fraction = Field(default=0.0, description="Minimum size of the object as a fraction of the frame.")
    minimum_seconds: float = Field(default=0.0, ge=0, le=3600, description="Minimum time in view.")
    cooldown_seconds: float = Field(
        default=0.0, ge=0, le=86400, description="Minimum time between two alerts of this rule."
    )
    ptz_preset: str = Field(
        default="",
        max_length=100,
        description="Preset (name, token) that the camera moves to at each alert of this rule (ONVIF); empty: none.",
    )


class ObjectRule(BaseRule):
    """An object appears, in a zone or anywhere; the alert's type is the object's."""

    type: Literal["object"]
    zone: Name | None = Field(default=None, description="Name of one of zones; null: the whole frame.")


class IntrusionRule(BaseRule):
    """An object is in a restricted zone while the rule is armed."""

    type: Literal["intrusion"]
    zone: Name = Field(description="Name of one of zones.")


class LoiteringRule(BaseRule):
    """An object stays in a zone for a configured time."""

    type: Literal["loitering"]
    zone: Name = Field(description="Name of one of zones.")
    seconds: float = Field(ge=1, le=86400, description="Minimum time in the zone.")


class Direction(StrEnum):
    """Which crossings count; left and right as seen from the line's first end towards its second."""

    EITHER = "either"
    LEFT_TO_RIGHT = "left_to_right"
    RIGHT_TO_LEFT = "right_to_left"


class LineCrossingRule(BaseRule):
    """An object crosses a line."""

    type: Literal["line_crossing"]
    line: tuple[Point, Point] = Field(description="Two ends of the line, each [x, y].")
    direction: Direction = Direction.EITHER

    @field_validator("line")
    @classmethod
    def _is_long(cls, line: tuple[Point, Point]) -> tuple[Point, Point]:
        if line[0] == line[1]:
            raise ValueError("its two ends must differ")
        return line


RULE_TYPES = frozenset({"object", "intrusion", "loitering", "line_crossing"})
Rule = Annotated[ObjectRule | IntrusionRule | LoiteringRule | LineCrossingRule, Field(discriminator="type")]


def without_rule_types(location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Return an error's location without the rule type that pydantic adds (`rules.0.loitering.zone`)."""
    return tuple(
        part
        for index, part in enumerate(location)
        if not (index >= 2 and location[index - 2] == "rules" and isinstance(location[index - 1], int))
        or part not in RULE_TYPES
    )
