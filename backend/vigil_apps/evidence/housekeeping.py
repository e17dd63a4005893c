"""Housekeeping of exports."""

from datetime import datetime, timedelta

from surveillance.services.housekeeping import housekeeping_add
from surveillance.services.sweeps import ORPHAN_AGE
from vigil_apps.evidence.exports import exports_expire, exports_sweep


def begin() -> None:
    """Add the task to the backend's housekeeping."""
    housekeeping_add(name="exports", every=timedelta(hours=6), run=_clean_up)


def _clean_up(now: datetime) -> None:
    exports_expire(now=now)
    exports_sweep(written_before=now - ORPHAN_AGE)
