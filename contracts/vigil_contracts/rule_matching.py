"""Decide which objects a rule applies to, for the detector and the backend's rule preview."""

from collections.abc import Sequence

from vigil_contracts.geometry import crossing
from vigil_contracts.names import AlertType
from vigil_contracts.rules import BaseRule, Direction, LineCrossingRule, ObjectRule

EVERYTHING = ObjectRule(name="everything", type="object")
"""The implicit rule of a camera without rules."""

_SIGNS = {Direction.LEFT_TO_RIGHT: (1,), Direction.RIGHT_TO_LEFT: (-1,), Direction.EITHER: (1, -1)}


def is_named(classes: Sequence[str], label: str, kind: AlertType) -> bool:
    """Return whether `classes` name the object, by its label or by its alert type; no classes name every object."""
    names = {name.lower() for name in classes}
    return not names or label.lower() in names or kind.value in names


def concerns(rule: BaseRule, *, label: str, kind: AlertType, confidence: float, size: float) -> bool:
    """Return whether `rule` applies to such an object. `size` is the share of the frame that it covers."""
    return is_named(rule.classes, label, kind) and confidence >= rule.minimum_confidence and size >= rule.minimum_size


def counted_crossing(rule: LineCrossingRule, before: tuple[float, float], after: tuple[float, float]) -> int:
    """Return how the path from `before` to `after` crosses the rule's line, like `geometry.crossing`.

    A crossing against the rule's direction is 0.
    """
    sign = crossing(before, after, rule.line)
    return sign if sign in _SIGNS[rule.direction] else 0
