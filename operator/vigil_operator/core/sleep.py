"""Decide when a camera sleeps: its schedule stays disarmed for so long that its detector is removed meanwhile.

A camera that is recorded although nothing is armed stays awake. So does one whose API is unreachable, because its
detector may still hold alerts that it could not deliver.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from vigil_contracts.names import CameraPhase
from vigil_contracts.recording import RecordingMode
from vigil_contracts.schedule import is_armed, next_change
from vigil_contracts.time_zones import load_time_zone
from vigil_operator.core.observed import DetectorClass
from vigil_operator.core.specs import CameraSpec, SleepSpec

RECORDED_WHILE_DISARMED = frozenset({RecordingMode.CONTINUOUS, RecordingMode.MOTION})

DEFAULT_WARM_UP_SECONDS = 300
"""While the operator has not measured a start of the class."""

MIN_WARM_UP_SECONDS = 60
MAX_WARM_UP_SECONDS = 3600
WARM_UP_FACTOR = 1.5
WARM_UP_MARGIN_SECONDS = 30
"""Added to the measured time: many cameras that wake up together start more slowly than one."""


@dataclass(frozen=True, slots=True)
class Sleep:
    """A camera is asleep until `wake_time`, so that its detector runs when the schedule is armed at `arm_time`."""

    wake_time: datetime
    arm_time: datetime
    """Both in the time zone of the schedule."""
    time_zone: str
    class_name: str
    """The class that the camera requests."""

    @property
    def details(self) -> str:
        """What the camera's conditions say in addition to the reason."""
        starts, armed = f"{self.wake_time:%Y-%m-%d %H:%M}", f"{self.arm_time:%Y-%m-%d %H:%M}"
        return f"The schedule is armed at {armed} ({self.time_zone}); the detector starts at {starts}."


def warm_up_seconds(sleep: SleepSpec, class_status: Mapping[str, Any]) -> int:
    """Return how long before it is armed a camera must wake up."""
    if sleep.warm_up_seconds is not None:
        return sleep.warm_up_seconds
    measured = class_status.get("startSeconds")
    if not isinstance(measured, int):
        return DEFAULT_WARM_UP_SECONDS
    seconds = math.ceil(measured * WARM_UP_FACTOR) + WARM_UP_MARGIN_SECONDS
    return min(max(seconds, MIN_WARM_UP_SECONDS), MAX_WARM_UP_SECONDS)


def sleep_of(
    spec: CameraSpec, sleep: SleepSpec | None, found: DetectorClass, status: Mapping[str, Any], now: datetime
) -> Sleep | None:
    """Return until when the camera sleeps; None: it is awake.

    `sleep`: the setting of its class `found`. `status`: the camera's. A camera falls asleep only if it can sleep for
    `minimumSeconds`; one that is asleep stays so until its wake time, also if that has moved.
    """
    schedule = spec.detection.schedule
    if sleep is None or schedule is None or spec.recording.mode in RECORDED_WHILE_DISARMED:
        return None
    if is_armed(schedule, now) or (armed := next_change(schedule, now)) is None:
        return None
    woken = armed - timedelta(seconds=warm_up_seconds(sleep, found.status))
    shortest = 0 if is_asleep(status) else sleep.minimum_seconds
    if (woken - now).total_seconds() <= shortest:
        return None
    zone = load_time_zone(schedule.time_zone)
    return Sleep(woken.astimezone(zone), armed.astimezone(zone), schedule.time_zone, found.key.name)


def is_asleep(status: Mapping[str, Any]) -> bool:
    """Return whether a camera's status says that it sleeps."""
    return bool(status.get("phase") == CameraPhase.ASLEEP.value)
