"""The time zone database: always the pinned `tzdata` package, never the host's files.

`zoneinfo` prefers `/usr/share/zoneinfo`. That copy is as old as the host or the base image, and countries change
their rules at short notice: Debian 12 still expects a clock change in Vancouver that was abolished. The three
programs run on different hosts and must agree on when a schedule is armed.
This is the only module that may import `zoneinfo`.
"""

import zoneinfo

import tzdata

# An empty search path leaves only the package. Zones that were loaded earlier from the host's files are dropped.
zoneinfo.reset_tzpath(to=())
zoneinfo.ZoneInfo.clear_cache()

TIME_ZONE_DATABASE_VERSION: str = tzdata.IANA_VERSION
"""The IANA release in use, for example `2026f`. `pip install --upgrade tzdata` and a restart bring a newer one."""


def load_time_zone(name: str) -> zoneinfo.ZoneInfo:
    """Return the time zone of this IANA name.

    Raises `KeyError`, `ValueError` or `OSError` if the database has no such zone.
    """
    return zoneinfo.ZoneInfo(name)
