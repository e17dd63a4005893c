"""Run the housekeeping tasks; each runs in only one process at a time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from surveillance.models import HousekeepingTask
from surveillance.services.retention import retention_apply
from surveillance.services.sweeps import ORPHAN_AGE, orphans_delete

EVERY: Mapping[str, timedelta] = {"retention": timedelta(minutes=10), "sweep": timedelta(hours=6)}
_ADDED: dict[str, "_Task"] = {}


@dataclass(frozen=True, slots=True)
class _Task:
    every: timedelta
    run: Callable[[datetime], None]


def housekeeping_add(*, name: str, every: timedelta, run: Callable[[datetime], None]) -> None:
    """Add a task of another app. It runs before those of alerts: recordings free the most space."""
    _ADDED[name] = _Task(every, run)


def housekeeping_turn(*, clock: Callable[[], datetime]) -> list[str]:
    """Run the tasks that are due and not claimed by another process; return their names."""
    done = []
    for name, task in _ADDED.items():
        if housekeeping_claim(name=name, now=clock()):
            task.run(clock())
            done.append(name)
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
    every = _ADDED[name].every if name in _ADDED else EVERY[name]
    if HousekeepingTask.objects.filter(name=name, begun_at__lte=now - every).update(begun_at=now):
        return True
    if HousekeepingTask.objects.filter(name=name).exists():
        return False
    try:
        with transaction.atomic():
            HousekeepingTask.objects.create(name=name, begun_at=now)
    except IntegrityError:  # another process was first
        return False
    return True
