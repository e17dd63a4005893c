"""The backend's Prometheus metrics, except the request metrics of django-prometheus."""

from prometheus_client import Counter, Histogram

ALERTS = Counter("vigil_alerts_total", "Alerts stored.", ["type"])
ALERT_INGEST_SECONDS = Histogram(
    "vigil_alert_ingest_seconds",
    "Duration of storing an alert with its snapshot.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
RETENTION_ALERTS = Counter(
    "vigil_retention_deleted_alerts_total", "Alerts deleted by retention: by age or to free disk space.", ["reason"]
)
RETENTION_BYTES = Counter(
    "vigil_retention_freed_bytes_total", "Bytes of snapshots and clips deleted by retention.", ["reason"]
)
SWEPT_FILES = Counter("vigil_swept_files_total", "Deleted files that no alert referred to.")
