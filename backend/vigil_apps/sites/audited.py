"""The audit log's view of sites and members."""

from typing import Any

from vigil_apps.audit.tracking import Tracked, track
from vigil_apps.sites.models import Membership, Site


def _site(site: Site) -> dict[str, Any]:
    set_values = {name: value for name, value in (site.recording or {}).items() if value is not None}
    return {"name": site.name, **{f"recording.{name}": value for name, value in set_values.items()}}


def _member(member: Membership) -> dict[str, Any]:
    shown = {"site": member.site_id, "user": member.user_id, "role": member.role}
    return {**shown, "mapped_role": member.mapped_role} if member.mapped_role else shown


def connect() -> None:
    """Start tracking."""
    track(Site, Tracked("site", _site, lambda site: site.pk))
    track(
        Membership,
        Tracked(
            "member",
            _member,
            lambda member: member.site_id,
        ),
    )
