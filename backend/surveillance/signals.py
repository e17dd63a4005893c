"""Signals of this app."""

from enum import StrEnum

from django.dispatch import Signal

alerts_stored = Signal()
"""New alerts, in the transaction that stores them: `alerts` (a list), `raw` (from a fixture).

Django's `post_save` is sent for single rows only, not for bulk inserts.
"""

alerts_changed = Signal()
"""Alerts whose state changed, in the transaction that changes them: `alert_ids`, `change` (an AlertChange), `user`.

`user` is None if the server changed them.
"""


class AlertChange(StrEnum):
    """How the state of an alert changes after it is stored."""

    ACKNOWLEDGED = "acknowledged"
    REOPENED = "reopened"
    RESOLVED = "resolved"
    UNRESOLVED = "unresolved"
    MARKED_FALSE_POSITIVE = "marked_false_positive"
    UNMARKED_FALSE_POSITIVE = "unmarked_false_positive"
