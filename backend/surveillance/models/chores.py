"""When each of the backend's regular chores was last begun, so that of several processes one does it."""

from django.db import models


class Chore(models.Model):
    """One of them."""

    name = models.CharField(max_length=32, primary_key=True)
    begun_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
