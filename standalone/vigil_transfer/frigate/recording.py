"""When a Frigate camera is recorded, and for how many days recordings and alerts are kept."""

import math
from typing import Any

from vigil_transfer.frigate.sections import Sections, Setting
from vigil_transfer.report import Ledger

MAX_DAYS = 3650
MAX_SECONDS_BEFORE, MAX_SECONDS_AFTER = 60.0, 600.0
OF_ALERTS = (
    ("record", "alerts", "retain", "days"),
    ("record", "detections", "retain", "days"),
    ("record", "events", "retain", "default"),
)
"""How long Frigate keeps recordings of alerts and detections (until 0.13: of events)."""
OF_SNAPSHOTS = ("snapshots", "retain", "default")
LONGEST = "Vigil deletes an alert with its image and clip after the longest of Frigate's times"
OFF = "the camera is not recorded"
_WINDOWS = (
    ("pre_capture", "seconds_before", MAX_SECONDS_BEFORE),
    ("post_capture", "seconds_after", MAX_SECONDS_AFTER),
)


def retention_days_of(sections: Sections, ledger: Ledger) -> int | None:
    """Return how long alerts are kept: an alert of Vigil holds the image and the clip. None: the server's default."""
    days = 0
    for keys in (*OF_ALERTS, OF_SNAPSHOTS):
        if (setting := sections.get(*keys)) is not None:
            days = max(days, _days(setting, ledger))
            ledger.changed(setting.path, "retention_days", LONGEST)
    return min(days, MAX_DAYS) or None


def recording_of(sections: Sections, ledger: Ledger) -> dict[str, Any] | None:
    """Return the camera's recording settings; None if Frigate's file says nothing about recording."""
    enabled = sections.get("record", "enabled")
    if enabled is None:
        return None
    ledger.taken(enabled.path, "recording.mode")
    if enabled.value is not True:
        _record_unused(sections, ledger)
        return {"mode": "off"}
    for mode, setting in (("continuous", _continuous(sections)), ("motion", _motion(sections))):
        days = _days(setting, ledger) if setting is not None else 0
        if setting is not None and days > 0:
            ledger.taken(setting.path, "recording.days")
            _record_mode(sections, mode, ledger)
            window = _window(sections, ledger) if mode == "motion" else {}
            return {"mode": mode, "days": min(days, MAX_DAYS), **window}
        if setting is not None:
            ledger.taken(setting.path, "recording.mode")
    settings = [setting for keys in OF_ALERTS if (setting := sections.get(*keys)) is not None]
    longest = max((_days(setting, ledger) for setting in settings), default=0)
    recording: dict[str, Any] = {"mode": "alerts", **_window(sections, ledger)}
    return {**recording, "days": min(longest, MAX_DAYS)} if longest else recording


def _continuous(sections: Sections) -> Setting | None:
    """Return the days of continuous recording: `record.continuous`, or until 0.16 `record.retain` of mode `all`."""
    older = sections.get("record", "retain", "days")
    is_all = sections.value("record", "retain", "mode", default="all") == "all"
    return sections.get("record", "continuous", "days") or (older if is_all else None)


def _motion(sections: Sections) -> Setting | None:
    older = sections.get("record", "retain", "days")
    is_motion = sections.value("record", "retain", "mode", default="all") != "all"
    return sections.get("record", "motion", "days") or (older if is_motion else None)


def _record_mode(sections: Sections, mode: str, ledger: Ledger) -> None:
    setting = sections.get("record", "retain", "mode")
    if setting is not None and setting.value == "active_objects":
        ledger.changed(setting.path, "recording.mode", f"becomes {mode}: Vigil does not record by moving objects")
    elif setting is not None:
        ledger.taken(setting.path, "recording.mode")


def _record_unused(sections: Sections, ledger: Ledger) -> None:
    for keys in (("retain", "days"), ("retain", "mode"), ("continuous", "days"), ("motion", "days")):
        if (setting := sections.get("record", *keys)) is not None:
            ledger.not_taken(setting.path, OFF)


def _window(sections: Sections, ledger: Ledger) -> dict[str, float]:
    """Return the seconds that are kept around motion or an alert."""
    window: dict[str, float] = {}
    for name, field, limit in _WINDOWS:
        setting = sections.get("record", "alerts", name)
        if setting is None:
            continue
        if isinstance(setting.value, bool) or not isinstance(setting.value, int | float) or setting.value < 0:
            ledger.problem(setting.path, "must be a number of seconds")
            continue
        window[field] = min(float(setting.value), limit)
        if setting.value > limit:
            ledger.changed(setting.path, f"recording.{field}", f"at most {limit:.0f}")
        else:
            ledger.taken(setting.path, f"recording.{field}")
    return window


def _days(setting: Setting, ledger: Ledger) -> int:
    value = setting.value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        ledger.problem(setting.path, "must be a number of days")
        return 0
    return math.ceil(value)
