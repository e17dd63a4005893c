"""The audit log's view of the integration: the masked URL, with a fingerprint of the full one."""

from typing import Any

from vigil_apps.audit.tracking import Tracked, fingerprint, track
from vigil_apps.home_assistant.models import HomeAssistant
from vigil_apps.home_assistant.selectors import masked_broker_url

_PLAIN = ("is_enabled", "discovery_prefix", "sites")


def _fields(row: HomeAssistant) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _PLAIN} | {
        "url": masked_broker_url(row),
        "url_fingerprint": fingerprint(row.url),
        "acts_as": row.acts_as_id,
    }


def connect() -> None:
    """Start tracking."""
    track(HomeAssistant, Tracked("home_assistant", _fields))
