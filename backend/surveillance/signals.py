"""Signals of this app."""

from django.dispatch import Signal

alerts_stored = Signal()
"""New alerts, in the transaction that stores them: `alerts` (a list), `raw` (from a fixture).

Django's `post_save` is sent for single rows only, not for bulk inserts.
"""
