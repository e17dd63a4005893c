"""The audit log's view of sites and members."""

from vigil_apps.audit.tracking import Tracked, track
from vigil_apps.sites.models import Membership, Site


def connect() -> None:
    """Start tracking."""
    track(Site, Tracked("site", lambda site: {"name": site.name}, lambda site: site.pk))
    track(
        Membership,
        Tracked(
            "member",
            lambda member: {"site": member.site_id, "user": member.user_id, "role": member.role},
            lambda member: member.site_id,
        ),
    )
