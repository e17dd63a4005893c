"""What senders do again and again: plan, and hand out what is due. Celery and the embedded thread share it."""

from collections.abc import Callable
from uuid import UUID

from django.utils import timezone

from vigil_apps.notifications import metrics
from vigil_apps.notifications.selectors import due_messages, outbox_pending
from vigil_apps.notifications.services.delivery import messages_delete_old
from vigil_apps.notifications.services.planning import messages_plan

AT_ONCE = 200
"""As many messages are handed out in one turn."""


def turn(submit: Callable[[UUID], object]) -> int:
    """One turn; `submit` has a message sent. Also finds what was never announced, and what a dead process left;
    and forgets what is old."""
    now = timezone.now()
    messages_plan(now=now)
    due = due_messages(now=now, limit=AT_ONCE)
    for message_id in due:
        submit(message_id)
    messages_delete_old(now=now)
    metrics.PENDING.set(outbox_pending())
    return len(due)
