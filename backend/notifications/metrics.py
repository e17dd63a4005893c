"""The Prometheus metrics of notifications, in whichever process sends them."""

from prometheus_client import Counter, Gauge

NOTIFICATIONS = Counter(
    "vigil_notifications_total", "Attempts to send a message: sent, retried, failed, dropped.", ["channel", "outcome"]
)
PENDING = Gauge("vigil_outbox_pending", "Alerts and messages that wait to be told.", multiprocess_mode="mostrecent")
