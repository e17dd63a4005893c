"""When each housekeeping task last began, so that only one of several processes runs it."""

from django.db import models


class HousekeepingTask(models.Model):
    """One housekeeping task."""

    name = models.CharField(max_length=32, primary_key=True)
    begun_at = models.DateTimeField()

    class Meta:
        db_table = (
            "surveillance_chore"  # the table's first name, which a release that still runs during an upgrade uses
        )

    def __str__(self) -> str:
        return self.name
