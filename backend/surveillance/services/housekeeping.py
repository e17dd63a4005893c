"""The regular chores: each is done by one process at a time, whichever comes first."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from surveillance.models import Chore
from surveillance.services.retention import retention_apply
from surveillance.services.sweeps import ORPHAN_AGE, orphans_delete

EVERY: Mapping[str, timedelta] = {"retention": timedelta(minutes=10), "sweep": timedelta(hours=6)}


def housekeeping_turn(*, clock: Callable[[], datetime]) -> list[str]:
    """Does the chores that are due and that nobody else has begun; returns their names."""
    done = []
    if chore_claim(name="retention", now=clock()):
        retention_apply(now=clock())
        done.append("retention")
    if chore_claim(name="sweep", now=clock()):
        orphans_delete(written_before=clock() - ORPHAN_AGE)
        done.append("sweep")
    return done


def chore_claim(*, name: str, now: datetime) -> bool:
    """Whether the chore is due and the caller is the one to do it.

    One conditional UPDATE, and no lock of the database's own: it works on every one, and through PgBouncer.
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
