"""The thread that checks identities, in each gunicorn worker."""

from functools import partial

from django.conf import settings
from django.utils import timezone

from surveillance.background import Background
from vigil_apps.identity.checks import identities_check

TURNS_PER_PERIOD = 4


def start() -> None:
    """Start the thread, if there are providers."""
    if settings.VIGIL_IDENTITY_PROVIDERS:
        work = partial(identities_check, clock=timezone.now)
        seconds = settings.VIGIL_IDENTITY_CHECK_SECONDS / TURNS_PER_PERIOD
        Background(work, period_seconds=seconds, name="identity checks").start()
