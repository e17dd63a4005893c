"""Recording defaults and ceilings. A camera's own value comes first, then its site's, then the server's."""

from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings
from pydantic import ValidationError

from vigil_apps.sites.models import Site
from vigil_contracts.recording import RecordingMode, RecordingSettings, SiteRecording

_LIMITS = ("days", "gigabytes")


class LimitSource(StrEnum):
    """What sets a limit. A ceiling lowers what the camera, its site or the server asks for."""

    CAMERA = "camera"
    SITE = "site"
    SERVER = "server"
    SITE_CEILING = "site_ceiling"
    SERVER_CEILING = "server_ceiling"


@dataclass(frozen=True, slots=True)
class Limit:
    """How much is kept, in days or gigabytes (10^9 bytes), and why."""

    value: int
    source: LimitSource


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a camera's recordings is kept; None: no limit."""

    days: Limit | None
    gigabytes: Limit | None


def site_recording_of(site: Site | None) -> SiteRecording:
    """Return what the site sets; nothing without a site, or if the stored values violate newer limits."""
    try:
        return SiteRecording.model_validate((site.recording if site is not None else None) or {})
    except ValidationError:
        return SiteRecording()


def default_mode(site: Site | None) -> RecordingMode:
    """Return the mode of a new camera that is created without one."""
    return site_recording_of(site).mode or RecordingMode(settings.VIGIL_RECORDING_MODE)


def limits_of(recording: RecordingSettings, site: Site | None) -> Limits:
    """Return the limits in force: the camera's own, else the site's, else the server's; never above a ceiling."""
    return Limits(*(_limit(name, recording, site_recording_of(site)) for name in _LIMITS))


def ceiling_problems(
    recording: RecordingSettings, site: Site | None, *, former: RecordingSettings | None
) -> dict[str, list[str]]:
    """Return what exceeds a ceiling, by field. A value that the camera has already is kept when a ceiling is lowered.

    The retention applies the ceiling nevertheless.
    """
    problems = {}
    for name in _LIMITS:
        value = getattr(recording, name)
        if value is None or (former is not None and value == getattr(former, name)):
            continue
        if problem := _problem(name, value, site):
            problems[f"recording.{name}"] = [problem]
    return problems


def site_problems(recording: SiteRecording) -> dict[str, list[str]]:
    """Return which of a site's values exceed the server's ceilings, by field."""
    return {
        f"recording.{prefix}{name}": [problem]
        for name in _LIMITS
        for prefix in ("", "max_")
        if (value := getattr(recording, f"{prefix}{name}")) is not None and (problem := _problem(name, value, None))
    }


def _problem(name: str, value: int, site: Site | None) -> str | None:
    server = getattr(settings, f"VIGIL_RECORDING_MAX_{name.upper()}")
    of_site = getattr(site_recording_of(site), f"max_{name}")
    ceiling = _lowest(server, of_site)
    if ceiling is None or value <= ceiling:
        return None
    if site is not None and ceiling == of_site:
        return f"must be at most {ceiling}, the ceiling of the site {site.name!r}"
    return f"must be at most {ceiling}, the ceiling of this server (VIGIL_RECORDING_MAX_{name.upper()})"


def _limit(name: str, recording: RecordingSettings, site: SiteRecording) -> Limit | None:
    server = f"VIGIL_RECORDING_{name.upper()}"
    ceiling = f"VIGIL_RECORDING_MAX_{name.upper()}"
    asked = [
        (getattr(recording, name), LimitSource.CAMERA),
        (getattr(site, name), LimitSource.SITE),
        (getattr(settings, server), LimitSource.SERVER),
    ]
    ceilings = [
        (getattr(site, f"max_{name}"), LimitSource.SITE_CEILING),
        (getattr(settings, ceiling), LimitSource.SERVER_CEILING),
    ]
    first = [Limit(value, source) for value, source in asked if value][:1]
    # Of equal values, the one that was asked for is named.
    candidates = [*first, *(Limit(value, source) for value, source in ceilings if value is not None)]
    return min(candidates, key=lambda limit: limit.value, default=None)


def _lowest(*values: int | None) -> int | None:
    return min((one for one in values if one is not None), default=None)
