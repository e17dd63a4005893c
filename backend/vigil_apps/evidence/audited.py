"""The audit log's view of cases."""

from vigil_apps.audit.tracking import track
from vigil_apps.evidence.cases import TRACKED
from vigil_apps.evidence.models import Case


def connect() -> None:
    """Start tracking."""
    track(Case, TRACKED)
