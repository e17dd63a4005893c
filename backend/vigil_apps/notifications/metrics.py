"""The Prometheus metrics of notifications, exposed by each process that sends them."""

from prometheus_client import Counter, Gauge

from vigil_apps.notifications.core.names import ChannelName

OUTCOMES = ("sent", "retried", "failed", "dropped")
NOTIFICATIONS = Counter(
    "vigil_notifications_total",
    "Attempts to send a notification, by channel and outcome: sent, retried, failed or dropped.",
    ["channel", "outcome"],
)
PENDING = Gauge(
    "vigil_outbox_pending",
    "Alerts and notifications in the outbox, waiting to be sent.",
    multiprocess_mode="mostrecent",
)


def begin() -> None:
    """Create all series at zero, so that rates are correct from the first notification."""
    for channel in ChannelName:
        for outcome in OUTCOMES:
            NOTIFICATIONS.labels(channel.value, outcome)
