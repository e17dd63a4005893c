"""Housekeeping of recordings."""

from datetime import datetime, timedelta

from surveillance.services.housekeeping import housekeeping_add
from surveillance.services.sweeps import ORPHAN_AGE
from vigil_apps.recordings.clips import recorded_clips_sweep
from vigil_apps.recordings.retention import recordings_retain
from vigil_apps.recordings.sweep import recordings_sweep


def begin() -> None:
    """Add the tasks to the backend's housekeeping."""
    housekeeping_add(name="recording-retention", every=timedelta(minutes=10), run=_retain)
    housekeeping_add(name="recording-sweep", every=timedelta(hours=24), run=_sweep)
    housekeeping_add(name="recorded-clips", every=timedelta(hours=1), run=_sweep_clips)


def _retain(now: datetime) -> None:
    recordings_retain(now=now)


def _sweep(now: datetime) -> None:
    recordings_sweep(written_before=now - ORPHAN_AGE)


def _sweep_clips(now: datetime) -> None:
    recorded_clips_sweep(now=now)
