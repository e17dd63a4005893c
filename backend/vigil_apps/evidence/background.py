"""The thread that makes exports, in each gunicorn worker."""

import logging
import threading

from django.db import close_old_connections
from django.utils import timezone

from vigil_apps.evidence import wake
from vigil_apps.evidence.jobs import exports_turn

logger = logging.getLogger(__name__)

PERIOD_SECONDS = 30.0
"""How often a process looks for exports that another one left."""


class Exporter(threading.Thread):
    """Makes exports when it is woken, and looks for left ones now and then."""

    def __init__(self) -> None:
        super().__init__(name="exports", daemon=True)

    def run(self) -> None:
        """Run until the process ends."""
        while True:
            wake.event.clear()
            self.turn()
            wake.event.wait(PERIOD_SECONDS)

    def turn(self) -> None:
        """Run once. An error is logged; the next run retries."""
        try:
            close_old_connections()
            exports_turn(clock=timezone.now)
        except Exception as error:  # noqa: BLE001 the thread must survive every error
            logger.warning("could not look for exports: %s; retrying", type(error).__name__)
        finally:
            close_old_connections()


def start() -> None:
    """Start the thread."""
    Exporter().start()
