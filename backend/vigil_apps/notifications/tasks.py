"""Celery's tasks, which are only wake-ups: the state is in the database, so lost or duplicate tasks are harmless."""

from uuid import UUID

from django.db import close_old_connections
from django.utils import timezone

from vigil_apps.notifications.queue import SWEEP_SECONDS, app
from vigil_apps.notifications.selectors import due_messages
from vigil_apps.notifications.services.delivery import message_deliver, messages_delete_old
from vigil_apps.notifications.services.planning import messages_plan
from vigil_apps.notifications.turn import AT_ONCE, turn


@app.task(name="notifications.tell", expires=60)  # type: ignore[untyped-decorator] # Celery has no types
def plan(subscription_ids: list[int]) -> None:
    """Create messages for new alerts of these subscriptions, and send them and new events."""
    close_old_connections()
    now = timezone.now()
    messages_plan(now=now, among=subscription_ids)
    for message_id in due_messages(now=now, limit=AT_ONCE, among=subscription_ids):
        send.delay(str(message_id))


@app.task(name="notifications.send", expires=60)  # type: ignore[untyped-decorator] # Celery has no types
def send(message_id: str) -> None:
    """Send one message, unless another worker does."""
    close_old_connections()
    message_deliver(message_id=UUID(message_id))


@app.task(name="notifications.sweep", expires=SWEEP_SECONDS)  # type: ignore[untyped-decorator]
def sweep() -> None:
    """Process everything that was not announced, is due again, or was left by a dead worker."""
    close_old_connections()
    turn(lambda message_id: send.delay(str(message_id)))
    messages_delete_old(now=timezone.now())
