"""Run the housekeeping tasks; each runs in only one process at a time."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from surveillance.models import Chore
from surveillance.services.retention import retention_apply
from surveillance.services.sweeps import ORPHAN_AGE, orphans_delete

EVERY: Mapping[str, timedelta] = {"retention": timedelta(minutes=10), "sweep": timedelta(hours=6)}


def housekeeping_turn(*, clock: Callable[[], datetime]) -> list[str]:
    """Run the tasks that are due and not claimed by another process; return their names."""
    done = []
    if housekeeping_claim(name="retention", now=clock()):
        retention_apply(now=clock())
        done.append("retention")
    if housekeeping_claim(name="sweep", now=clock()):
        orphans_delete(written_before=clock() - ORPHAN_AGE)
        done.append("sweep")
    return done


def housekeeping_claim(*, name: str, now: datetime) -> bool:
    """Claim a due task; return whether the caller must run it.

    Uses one conditional UPDATE instead of a database lock, which works on every database and through PgBouncer.
    """
    if Chore.objects.filter(name=name, begun_at__lte=now - EVERY[name]).update(begun_at=now):
        return True
    if Chore.objects.filter(name=name).exists():
        return False
    try:
        with transaction.atomic():
            Chore.objects.create(name=name, begun_at=now)
    except IntegrityError:  # another process was first
        return False
    return True
