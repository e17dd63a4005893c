"""The periodic work of all senders: plan messages and submit the due ones. Used by Celery and the embedded thread."""

from collections.abc import Callable
from uuid import UUID

from django.utils import timezone

from vigil_apps.notifications import metrics
from vigil_apps.notifications.selectors import due_messages, outbox_pending
from vigil_apps.notifications.services.outages import outages_end
from vigil_apps.notifications.services.planning import messages_plan

AT_ONCE = 200
"""Maximum number of messages per run."""


def turn(submit: Callable[[UUID], object]) -> int:
    """Run once; `submit` schedules the delivery of a message. Also finds messages that were not announced or
    were left by a dead process."""
    now = timezone.now()
    outages_end(now=now)
    due: list[UUID] = []
    if waiting := outbox_pending():
        messages_plan(now=now)
        due = due_messages(now=now, limit=AT_ONCE)
        for message_id in due:
            submit(message_id)
        waiting = outbox_pending()
    metrics.PENDING.set(waiting)
    return len(due)
