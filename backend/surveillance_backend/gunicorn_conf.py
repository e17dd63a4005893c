"""gunicorn's configuration, used as `--config python:surveillance_backend.gunicorn_conf`."""

import os
import shutil
import tempfile

worker_class = "surveillance_backend.worker.Worker"
bind = os.environ.get("VIGIL_BIND", "127.0.0.1:8000")
workers = int(os.environ.get("WEB_CONCURRENCY", "1"))
# Several workers share what was imported once. With only one, gunicorn's own process stays small.
preload_app = workers > 1
timeout = 60
graceful_timeout = 20
keepalive = 15
accesslog = None  # /metrics counts and times the requests
errorlog = "-"
loglevel = "warning"
forwarded_allow_ips = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1")
# gunicorn's control socket would be another entry point. The setting has the name of gunicorn 26; an unknown name
# would be ignored silently.
control_socket_disable = True
_MEMORY = "/dev/shm"  # noqa: S108 recommended by gunicorn: the workers' heartbeat files need no disk
if os.path.isdir(_MEMORY):  # noqa: PTH112 gunicorn takes a text
    worker_tmp_dir = _MEMORY

_own_metrics = ""
if workers > 1 and "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    # Each worker has its own counters; /metrics adds them up from files here.
    _own_metrics = os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="vigil-metrics-")


def child_exit(server: object, worker: object) -> None:
    """Remove the gauges of a worker that has ended."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(worker.pid)  # type: ignore[attr-defined, no-untyped-call]


def on_exit(server: object) -> None:
    """Remove the metrics of this run."""
    if _own_metrics:
        shutil.rmtree(_own_metrics, ignore_errors=True)


def post_worker_init(worker: object) -> None:
    """Start the worker's background threads once Django is set up."""
    from django.conf import settings
    from django.db import connection

    from surveillance import background, wakeups
    from vigil_apps.evidence import background as evidence_background
    from vigil_apps.home_assistant import publisher
    from vigil_apps.identity import background as identity_background
    from vigil_apps.notifications import sender

    # SQLite serves one host, and without Redis there are no Celery workers.
    if worker.cfg.workers == 1 and connection.vendor == "sqlite" and not settings.VIGIL_REDIS_URL:  # type: ignore[attr-defined]
        wakeups.mark_only_process()
    background.start()
    identity_background.start()
    sender.start()
    evidence_background.start()
    publisher.start()
