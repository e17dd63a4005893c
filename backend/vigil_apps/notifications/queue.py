"""Celery's app, if Redis is configured, with all Celery settings that Vigil changes."""

from celery import Celery
from django.conf import settings

SWEEP_SECONDS = 10

app = Celery("vigil", broker=settings.VIGIL_REDIS_URL or None)
app.conf.update(
    imports=("vigil_apps.notifications.tasks",),
    # Workers mostly wait for remote servers: use threads of one process, which also share their metrics.
    worker_pool="threads",
    worker_concurrency=8,
    task_ignore_result=True,
    task_default_queue="vigil",
    timezone="UTC",
    beat_scheduler="celery.beat:Scheduler",  # does not write a file
    beat_schedule={"sweep": {"task": "notifications.sweep", "schedule": float(SWEEP_SECONDS)}},
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_connection_timeout=1.0,
    broker_transport_options={"socket_connect_timeout": 0.5, "socket_timeout": 5.0, "max_retries": 0},
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
)
