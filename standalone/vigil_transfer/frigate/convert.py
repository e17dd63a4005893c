"""Convert a whole configuration file of Frigate into a plan."""

import re
from collections.abc import Mapping
from typing import Any

from vigil_transfer.frigate.areas import frame_size, motion_masks_of, zones_of
from vigil_transfer.frigate.objects import tracked_objects
from vigil_transfer.frigate.reasons import REASONS, UNKNOWN
from vigil_transfer.frigate.recording import recording_of, retention_days_of
from vigil_transfer.frigate.restreams import Restreams
from vigil_transfer.frigate.rules import rules_of
from vigil_transfer.frigate.sections import Sections, find
from vigil_transfer.frigate.streams import streams_of
from vigil_transfer.plan import Plan, check_cameras
from vigil_transfer.report import Ledger, Path, Problem
from vigil_transfer.yaml_text import YamlError, load_mapping

MAX_FRAMES_PER_SECOND = 30.0
DEFAULT_SCORE = 0.5
"""Frigate's default for `min_score`, and Vigil's for `minimum_confidence`."""
_VARIABLE = re.compile(r"\{(FRIGATE_[A-Za-z0-9_]+)\}")


def convert(text: str, variables: Mapping[str, str]) -> Plan:
    """Return the plan for a configuration file. `variables`: the values of `{FRIGATE_…}`."""
    try:
        document = _with_variables(load_mapping(text), variables)
    except YamlError as error:
        return Plan((), problems=(Problem("", str(error)),))
    ledger = Ledger()
    cameras = find(document, ("cameras",))
    if cameras is None or not isinstance(cameras.value, Mapping) or not cameras.value:
        return Plan((), problems=(Problem("cameras", "must list the cameras; is this a configuration of Frigate?"),))
    streams = find(document, ("go2rtc", "streams"))
    restreams = Restreams(streams.value if streams and isinstance(streams.value, Mapping) else {}, ledger)
    converted: list[tuple[Path, dict[str, Any]]] = []
    for key in cameras.value:
        sections = Sections(document, str(key))
        camera = _camera(sections, restreams, ledger)
        if camera is not None:
            converted.append((sections.path, camera))
    check_cameras(ledger, converted)
    return Plan(
        tuple(camera for _, camera in converted),
        tuple(ledger.lines(document, REASONS, UNKNOWN)),
        tuple(ledger.problems),
        tuple(value for name, value in variables.items() if name.startswith("FRIGATE_") and len(value) > 3),
    )


def _with_variables(value: Any, variables: Mapping[str, str]) -> Any:
    """Return the document with `{FRIGATE_…}` replaced, in every text; unknown variables stay as they are."""
    if isinstance(value, Mapping):
        return {str(key): _with_variables(inner, variables) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_variables(inner, variables) for inner in value]
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: variables.get(found[1], found[0]), value)
    return value


def _camera(sections: Sections, restreams: Restreams, ledger: Ledger) -> dict[str, Any] | None:
    before = len(ledger.problems)
    streams = streams_of(sections, restreams, ledger)
    if streams is None:
        if len(ledger.problems) == before:
            ledger.not_taken(sections.path, "the camera is not imported: Vigil can read none of its streams")
        return None
    detection = _detection(sections, ledger)
    if streams.sub_path:
        detection["stream_path"] = streams.sub_path
    recording = recording_of(sections, ledger)
    is_active = _is_active(sections, ledger, is_recorded=recording is not None and recording["mode"] != "off")
    more = {"recording": recording, "retention_days": retention_days_of(sections, ledger)}
    return {
        "name": _name(sections, ledger),
        "rtsp_url": streams.url,
        "transport": streams.transport,
        "is_active": is_active and bool(detection["classes"]),
        "detection": detection,
        **{name: value for name, value in more.items() if value is not None},
    }


def _name(sections: Sections, ledger: Ledger) -> str:
    friendly = sections.own("friendly_name")
    if friendly is None or not friendly.value:
        return sections.key
    ledger.taken(friendly.path, "name")
    return str(friendly.value)


def _is_active(sections: Sections, ledger: Ledger, *, is_recorded: bool) -> bool:
    enabled, detect = sections.own("enabled"), sections.get("detect", "enabled")
    is_enabled = enabled is None or enabled.value is not False
    if enabled is not None:
        ledger.taken(enabled.path, "is_active")
    if detect is None or detect.value is not False:
        if detect is not None:
            ledger.taken(detect.path, "is_active")
        return is_enabled
    note = "only active cameras are recorded" if is_recorded else "an active camera always detects"
    outcome = "active" if is_recorded else "inactive"
    ledger.changed(detect.path, "is_active", f"{note}, so the camera is imported as {outcome}")
    return is_enabled and is_recorded


def _detection(sections: Sections, ledger: Ledger) -> dict[str, Any]:
    size = frame_size(sections, ledger)
    tracked = tracked_objects(sections, size, ledger)
    zones = zones_of(sections, size, ledger)
    detection: dict[str, Any] = {
        "classes": [name for one in tracked for name in one.classes],
        "zones": [{"name": zone.name, "points": zone.points} for zone in zones],
        "rules": rules_of(sections, tracked, zones, size, ledger),
        "motion_masks": motion_masks_of(sections, size, ledger),
    }
    scores = [one.limits.score for one in tracked]
    if any(scores):
        detection["minimum_confidence"] = min(score or DEFAULT_SCORE for score in scores)
    if (rate := _frames_per_second(sections, ledger)) is not None:
        detection["frames_per_second"] = rate
    turns = sections.own("onvif", "autotracking", "enabled")
    if turns is not None and turns.value is True:
        ledger.changed(turns.path, "detection.tamper", "off for a camera that turns; Vigil does not turn it")
        detection["tamper"] = False
    return detection


def _frames_per_second(sections: Sections, ledger: Ledger) -> float | None:
    setting = sections.get("detect", "fps")
    if setting is None:
        return None
    if isinstance(setting.value, bool) or not isinstance(setting.value, int | float) or setting.value <= 0:
        ledger.problem(setting.path, "must be a number of frames per second above 0")
        return None
    if setting.value > MAX_FRAMES_PER_SECOND:
        ledger.changed(setting.path, "detection.frames_per_second", f"at most {MAX_FRAMES_PER_SECOND:.0f}")
    else:
        ledger.taken(setting.path, "detection.frames_per_second")
    return min(float(setting.value), MAX_FRAMES_PER_SECOND)
