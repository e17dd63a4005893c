"""When each housekeeping task last began, so that only one of several processes runs it."""

from django.db import models


class Chore(models.Model):
    """One housekeeping task."""

    name = models.CharField(max_length=32, primary_key=True)
    begun_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
