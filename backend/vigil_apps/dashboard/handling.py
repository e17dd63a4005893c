"""Actions on one or several alerts, which can be undone."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.http import QueryDict

from surveillance.models import Alert
from surveillance.selectors.access import alerts_visible_to
from surveillance.services.alerts import (
    alerts_acknowledge,
    alerts_mark_false_positive,
    alerts_reopen,
    alerts_resolve,
    alerts_unmark_false_positive,
    alerts_unresolve,
)
from vigil_apps.accounts.principal import Principal
from vigil_apps.sites.roles import Role

MAX_AT_ONCE = 1000
KINDS = ("acknowledged", "resolved", "judged", "cleared")


@dataclass(frozen=True, slots=True)
class Changes:
    """The ids of the alerts that were changed, and how; `judged`: as false alarms, `cleared`: no longer as such."""

    acknowledged: tuple[int, ...] = ()
    resolved: tuple[int, ...] = ()
    judged: tuple[int, ...] = ()
    cleared: tuple[int, ...] = ()

    @property
    def ids(self) -> set[int]:
        """Return the ids of all changed alerts."""
        return {*self.acknowledged, *self.resolved, *self.judged, *self.cleared}

    def as_json(self) -> dict[str, list[int]]:
        """Return the changes for the page, which sends them back to undo them."""
        return {kind: list(getattr(self, kind)) for kind in KINDS}


Action = Callable[..., Changes]


@transaction.atomic
def acknowledge(user: User, ids: Collection[int], *, now: datetime) -> Changes:
    """Acknowledge those of `ids` that are new and that the user may handle."""
    opened = _ids(user, ids, acknowledged=False)
    alerts_acknowledge(alerts=_manageable_alerts(user), ids=opened, user=user, now=now)
    return Changes(acknowledged=opened)


@transaction.atomic
def resolve(user: User, ids: Collection[int], *, now: datetime) -> Changes:
    """Resolve and acknowledge the alerts."""
    opened, unresolved = _ids(user, ids, acknowledged=False), _ids(user, ids, resolved=False)
    alerts_resolve(alerts=_manageable_alerts(user), ids=unresolved, user=user, now=now)
    return Changes(acknowledged=opened, resolved=unresolved)


@transaction.atomic
def judge(user: User, ids: Collection[int], *, now: datetime) -> Changes:
    """Mark the alerts as false positives and acknowledge them."""
    opened, unmarked = _ids(user, ids, acknowledged=False), _ids(user, ids, is_false_positive=False)
    alerts_mark_false_positive(alerts=_manageable_alerts(user), ids=ids, user=user, now=now)
    return Changes(acknowledged=opened, judged=unmarked)


@transaction.atomic
def clear(user: User, ids: Collection[int]) -> Changes:
    """Remove the mark."""
    marked = _ids(user, ids, is_false_positive=True)
    alerts_unmark_false_positive(alerts=_manageable_alerts(user), ids=marked, user=user)
    return Changes(cleared=marked)


@transaction.atomic
def undo(user: User, changes: Changes, *, now: datetime) -> None:
    """Undo the changes that the user may undo; actions of other users stay."""
    alerts = _manageable_alerts(user)
    alerts_unmark_false_positive(alerts=alerts, ids=changes.judged, user=user)
    alerts_mark_false_positive(alerts=alerts, ids=changes.cleared, user=user, now=now)
    alerts_unresolve(alerts=alerts, ids=changes.resolved, user=user)
    alerts_reopen(alerts=alerts, ids=changes.acknowledged, user=user)


def changes_of(sent: QueryDict) -> Changes:
    """Parse the changes that a page sends back to undo them."""
    return Changes(*(tuple(ids_of(sent, kind)) for kind in KINDS))


def ids_of(sent: QueryDict, name: str) -> list[int]:
    """Return the ids in a field; ignores invalid ones."""
    found = (id_of(text) for text in sent.getlist(name)[:MAX_AT_ONCE])
    return [number for number in found if number is not None]


def id_of(text: str) -> int | None:
    """Return the id that the text represents, if any."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def _manageable_alerts(user: User) -> QuerySet[Alert]:
    return alerts_visible_to(Principal.of_user(user), Role.SITE_OPERATOR)


def _ids(user: User, ids: Collection[int], **condition: bool) -> tuple[int, ...]:
    found = _manageable_alerts(user).filter(pk__in=ids, **condition).order_by("-id")
    return tuple(found.values_list("pk", flat=True))
