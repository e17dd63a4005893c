"""The backend's own Prometheus metrics; those of requests come from django-prometheus."""

from prometheus_client import Counter, Histogram

ALERTS = Counter("vigil_alerts_total", "Alerts stored.", ["type"])
ALERT_INGEST_SECONDS = Histogram(
    "vigil_alert_ingest_seconds",
    "Time to store an alert with its picture.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
RETENTION_ALERTS = Counter(
    "vigil_retention_deleted_alerts_total", "Alerts deleted for their age, or to free space.", ["reason"]
)
RETENTION_BYTES = Counter("vigil_retention_freed_bytes_total", "Pictures and clips deleted with them.", ["reason"])
SWEPT_FILES = Counter("vigil_swept_files_total", "Files deleted that no alert named.")
