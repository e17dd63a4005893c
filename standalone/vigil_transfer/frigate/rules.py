"""What creates an alert: Frigate's review settings, zones and filters become Vigil's rules."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from vigil_transfer.frigate.areas import Zone
from vigil_transfer.frigate.objects import Limits, Tracked, filters_of
from vigil_transfer.frigate.polygons import Size
from vigil_transfer.frigate.sections import Sections, Setting, as_list
from vigil_transfer.report import Ledger

ALERT_LABELS = ("person", "car")
"""Frigate's default for `review.alerts.labels`."""
MAX_NAME_LENGTH = 64
ONE_SEVERITY = (
    "Vigil has one severity: each tracked object creates alerts; choose what to be notified of per subscription"
)
ZONE_OF_RULE = "alerts are created in these zones only; Vigil stores nothing about objects elsewhere"


class _Group(NamedTuple):
    """The objects of one rule have the same zone and limits."""

    zone: Zone | None
    limits: Limits


def rules_of(
    sections: Sections, tracked: Sequence[Tracked], zones: Sequence[Zone], size: Size | None, ledger: Ledger
) -> list[dict[str, Any]]:
    """Return the rules; empty if every tracked object is an alert everywhere, as in a camera without rules."""
    by_key = {zone.key: zone for zone in zones}
    alerts = _required_zones(sections, "alerts", by_key, ledger)
    detections = _required_zones(sections, "detections", by_key, ledger)
    alert_labels = _alert_labels(sections, ledger)
    groups: dict[_Group, list[Tracked]] = defaultdict(list)
    for one in tracked:
        required = alerts if one.label in alert_labels else detections
        for zone in required or [None]:
            if zone is None or not zone.labels or one.label in zone.labels:
                groups[_Group(zone, _limits(sections, one, zone, size, ledger))].append(one)
    _record_zones(sections, zones, {group.zone.key for group in groups if group.zone}, ledger)
    weakest = min((one.limits.score for one in tracked), default=0.0)
    if all(group.zone is None and _is_open(group.limits, weakest) for group in groups):
        return []
    names: set[str] = set()
    return [_rule(group, members, weakest, names) for group, members in groups.items()]


def _is_open(limits: Limits, weakest: float) -> bool:
    """Return whether a rule with these limits adds nothing to the camera's minimum confidence."""
    return limits.threshold == 0 and limits.size == 0 and limits.score <= weakest


def _limits(sections: Sections, one: Tracked, zone: Zone | None, size: Size | None, ledger: Ledger) -> Limits:
    if zone is None:
        return one.limits
    return one.limits.stricter(filters_of(sections, ("zones", zone.key, "filters", one.label), size, ledger))


def _rule(group: _Group, members: Sequence[Tracked], weakest: float, names: set[str]) -> dict[str, Any]:
    labels = ", ".join(one.label for one in members)
    zone, limits = group
    rule: dict[str, Any] = {
        "name": _unique(f"{labels} in {zone.name}" if zone else labels, names),
        "type": "object",
        "classes": [name for one in members for name in one.classes],
    }
    if zone is not None:
        rule["zone"] = zone.name
        if zone.loitering_seconds > 0:
            rule |= {"type": "loitering", "seconds": max(1.0, zone.loitering_seconds)}
    if (confidence := max(limits.score, limits.threshold)) > weakest:
        rule["minimum_confidence"] = confidence
    if limits.size > 0:
        rule["minimum_size"] = limits.size
    return rule


def _unique(name: str, names: set[str]) -> str:
    """Return the name, shortened, and numbered if another rule has it."""
    short, number = name[:MAX_NAME_LENGTH], 1
    while short in names:
        number += 1
        end = f" {number}"
        short = name[: MAX_NAME_LENGTH - len(end)] + end
    names.add(short)
    return short


def _alert_labels(sections: Sections, ledger: Ledger) -> Sequence[str]:
    for severity in ("alerts", "detections"):
        if (setting := sections.get("review", severity, "labels")) is not None:
            ledger.changed(setting.path, "detection.rules", ONE_SEVERITY)
    found: Setting | None = sections.get("review", "alerts", "labels")
    return ALERT_LABELS if found is None else [str(label) for label in as_list(found.value)]


def _required_zones(sections: Sections, severity: str, zones: dict[str, Zone], ledger: Ledger) -> list[Zone | None]:
    setting = sections.get("review", severity, "required_zones")
    if setting is None or not setting.value:
        if setting is not None:
            ledger.taken(setting.path, "detection.rules")
        return []
    keys = [str(key) for key in as_list(setting.value)]
    missing = [key for key in keys if key not in zones]
    note = f"; {sections.key} has no zone {', '.join(missing)}" if missing else ""
    ledger.changed(setting.path, "detection.rules[].zone", ZONE_OF_RULE + note)
    return [zones[key] for key in keys if key in zones]


def _record_zones(sections: Sections, zones: Sequence[Zone], used: set[str], ledger: Ledger) -> None:
    for zone in zones:
        objects = sections.own("zones", zone.key, "objects")
        loitering = sections.own("zones", zone.key, "loitering_time")
        if objects is not None and zone.key in used:
            ledger.taken(objects.path, "detection.rules[].classes")
        elif objects is not None:
            ledger.not_taken(objects.path, "no rule uses the zone, because review requires none or another one")
        if loitering is not None and zone.loitering_seconds == 0:
            ledger.taken(loitering.path, "detection.rules[].type")
        elif loitering is not None and zone.key in used:
            ledger.changed(loitering.path, "detection.rules[].seconds", "the alert's type becomes loitering")
        elif loitering is not None:
            ledger.not_taken(loitering.path, "no rule uses the zone, because review requires none or another one")
