"""Celery, where there is Redis: `celery -A surveillance_backend worker --beat`.

Any number of workers may run, each with `--beat` or not: a sweep that comes twice harms nothing.
"""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_init
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "surveillance_backend.settings")

SWEEP_SECONDS = 10

app = Celery("vigil", broker=settings.VIGIL_REDIS_URL or None)
app.conf.update(
    imports=("vigil_apps.notifications.tasks",),
    # Workers wait for others' servers all the time: threads of one process, whose metrics are in one place.
    worker_pool="threads",
    worker_concurrency=8,
    task_ignore_result=True,
    task_default_queue="vigil",
    timezone="UTC",
    beat_scheduler="celery.beat:Scheduler",  # keeps no file
    beat_schedule={"sweep": {"task": "notifications.sweep", "schedule": float(SWEEP_SECONDS)}},
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_connection_timeout=1.0,
    broker_transport_options={"socket_connect_timeout": 0.5, "socket_timeout": 5.0, "max_retries": 0},
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
)


@setup_logging.connect  # type: ignore[untyped-decorator] # Celery has no types
def _use_our_logs(**_: Any) -> None:
    """Django's configuration stays: one line an event, masked."""


@worker_init.connect  # type: ignore[untyped-decorator]
def _serve_metrics(**_: Any) -> None:
    """The worker's metrics on a port of their own."""
    port = settings.ENVIRONMENT.worker_metrics_port
    if port:
        from prometheus_client import start_http_server

        start_http_server(port)
