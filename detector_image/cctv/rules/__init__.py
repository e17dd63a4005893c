"""Decide which tracked objects trigger an event: one file per rule type, and a table of them."""

from collections.abc import Callable
from typing import Any

from cctv.rules.base import Check
from cctv.rules.intrusion import IntrusionCheck
from cctv.rules.line_crossing import LineCrossingCheck
from cctv.rules.loitering import LoiteringCheck
from cctv.rules.object import ObjectCheck
from vigil_contracts.rules import Rule, Zone

CHECKS: dict[str, Callable[[Any, Any], Check]] = {
    "object": ObjectCheck,
    "intrusion": IntrusionCheck,
    "loitering": LoiteringCheck,
    "line_crossing": lambda rule, _: LineCrossingCheck(rule),
}
"""The factories by a rule's `type`; each takes the rule and its zone's polygon."""


def check_of(rule: Rule, zones: tuple[Zone, ...]) -> Check:
    """Return the check that implements a rule."""
    polygons = {zone.name: zone.points for zone in zones}
    return CHECKS[rule.type](rule, polygons.get(getattr(rule, "zone", None) or ""))
