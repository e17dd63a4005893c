"""The Prometheus metrics of notifications, in whichever process sends them."""

from prometheus_client import Counter, Gauge

from vigil_apps.notifications.core.names import ChannelName

OUTCOMES = ("sent", "retried", "failed", "dropped")
NOTIFICATIONS = Counter(
    "vigil_notifications_total", "Attempts to send a message: sent, retried, failed, dropped.", ["channel", "outcome"]
)
PENDING = Gauge("vigil_outbox_pending", "Alerts and messages that wait to be told.", multiprocess_mode="mostrecent")


def begin() -> None:
    """Series that exist from the start, so that a rate over them is right from the first message on."""
    for channel in ChannelName:
        for outcome in OUTCOMES:
            NOTIFICATIONS.labels(channel.value, outcome)
