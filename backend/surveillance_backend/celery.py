"""Celery, if Redis is configured: `celery -A surveillance_backend worker --beat`.

Any number of workers may run, each with or without `--beat`: duplicate sweeps are harmless.
"""

import os
from typing import Any

from celery.signals import setup_logging, worker_init
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "surveillance_backend.settings")

from vigil_apps.notifications.queue import app  # after the line above: it reads the settings

__all__ = ["app"]


@setup_logging.connect  # type: ignore[untyped-decorator] # Celery has no types
def _use_our_logs(**_: Any) -> None:
    """Keep Django's logging configuration: one redacted line per event."""


@worker_init.connect  # type: ignore[untyped-decorator]
def _serve_metrics(**_: Any) -> None:
    """Serve the worker's metrics on a separate port."""
    port = settings.ENVIRONMENT.worker_metrics_port
    if port:
        from prometheus_client import start_http_server

        start_http_server(port)
