"""What others hear of this app."""

from django.dispatch import Signal

alerts_stored = Signal()
"""New alerts, in the transaction that stores them, however they were made: `alerts` (a list), `raw` (of a fixture).

Django's own `post_save` tells of rows one by one, and of those that are stored many at a time not at all.
"""
