"""Preview which alerts rules would have created, as far as stored alerts show.

An alert contains its object's position in one frame, but neither its path nor objects that no rule reported.
Therefore each result states its certainty. `cctv replay` gives exact results.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from vigil_contracts.detection import Detection
from vigil_contracts.geometry import Box, Point, is_inside
from vigil_contracts.names import AlertType
from vigil_contracts.rule_matching import EVERYTHING, concerns, counted_crossing, is_named
from vigil_contracts.rules import LineCrossingRule, LoiteringRule, Rule
from vigil_contracts.schedule import is_armed


class Certainty(StrEnum):
    """How close a count is to what would have happened."""

    COUNTED = "counted"
    AT_MOST = "at_most"
    AT_LEAST = "at_least"


@dataclass(frozen=True, slots=True)
class ObjectPosition:
    """The position of an alert's object. `track` is the detector's name of the object, or any unique value."""

    alert_id: int
    track: str
    at: datetime
    label: str
    kind: AlertType
    confidence: float
    box: Box

    @property
    def foot(self) -> Point:
        """Return where the object stands."""
        return self.box.foot

    @property
    def size(self) -> float:
        """Return the share of the frame that it covers."""
        return self.box.area


@dataclass(frozen=True, slots=True)
class RulePreview:
    """The alerts that one rule would have created: one per object, the oldest first."""

    rule: str
    alert_ids: tuple[int, ...]
    certainty: Certainty


def previews(detection: Detection, sightings: Iterable[ObjectPosition]) -> list[RulePreview]:
    """Return a preview of each rule of `detection` in order; of the implicit rule if there is none."""
    in_order = sorted(sightings, key=lambda one: one.at)
    by_track: dict[str, list[ObjectPosition]] = {}
    for one in in_order:
        by_track.setdefault(one.track, []).append(one)
    objects = list(by_track.values())
    return [_preview(rule, detection, objects) for rule in detection.rules or (EVERYTHING,)]


def _preview(rule: Rule, detection: Detection, objects: Sequence[Sequence[ObjectPosition]]) -> RulePreview:
    zones = {zone.name: zone.points for zone in detection.zones}
    hits: list[ObjectPosition] = []
    for seen in objects:
        fitting = [one for one in seen if _concerns(rule, detection, one)]
        if isinstance(rule, LineCrossingRule):
            hits += _crossings(rule, fitting)
        else:
            zone = zones[rule.zone] if rule.zone is not None else None
            there = (one for one in fitting if zone is None or is_inside(one.foot, zone))
            hits += [one for one in there if is_armed(detection.schedule, one.at)][:1]
    if isinstance(rule, LineCrossingRule):
        hits = [one for one in hits if is_armed(detection.schedule, one.at)]
        certainty = Certainty.AT_LEAST
    else:
        must_stay = isinstance(rule, LoiteringRule) or rule.minimum_seconds > 0
        certainty = Certainty.AT_MOST if must_stay else Certainty.COUNTED
    return RulePreview(rule.name, tuple(one.alert_id for one in _after_cooldown(rule, hits)), certainty)


def _concerns(rule: Rule, detection: Detection, one: ObjectPosition) -> bool:
    """Apply the same order as the detector: the camera's classes and confidence first, then the rule's."""
    return (
        is_named(detection.classes, one.label, one.kind)
        and one.confidence >= detection.minimum_confidence
        and concerns(rule, label=one.label, kind=one.kind, confidence=one.confidence, size=one.size)
    )


def _after_cooldown(rule: Rule, hits: list[ObjectPosition]) -> list[ObjectPosition]:
    told: list[ObjectPosition] = []
    for hit in sorted(hits, key=lambda one: one.at):
        if not told or (hit.at - told[-1].at).total_seconds() >= rule.cooldown_seconds:
            told.append(hit)
    return told


def _crossings(rule: LineCrossingRule, seen: Sequence[ObjectPosition]) -> list[ObjectPosition]:
    return [after for before, after in pairwise(seen) if counted_crossing(rule, before.foot, after.foot)]
