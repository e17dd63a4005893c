"""Recording defaults and ceilings. A camera's own value comes first, then its site's, then the server's."""

from dataclasses import dataclass

from django.conf import settings
from pydantic import ValidationError

from vigil_apps.sites.models import Site
from vigil_contracts.recording import RecordingMode, RecordingSettings, SiteRecording

_LIMITS = ("days", "gigabytes")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a camera's recordings is kept; None: no limit."""

    days: int | None
    gigabytes: int | None


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


def _limit(name: str, recording: RecordingSettings, site: SiteRecording) -> int | None:
    server = f"VIGIL_RECORDING_{name.upper()}"
    chosen = getattr(recording, name) or getattr(site, name) or getattr(settings, server)
    ceiling = getattr(settings, f"VIGIL_RECORDING_MAX_{name.upper()}")
    return _lowest(chosen, getattr(site, f"max_{name}"), ceiling)


def _lowest(*values: int | None) -> int | None:
    return min((one for one in values if one is not None), default=None)
