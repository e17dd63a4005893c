"""Quotas: how many objects of a kind one user or one site may have.

Parallel requests that count before any of them has stored its row all pass. So check a quota in the transaction that
stores the row, after `lock` on the user or the site. PostgreSQL locks that row; on SQLite a transaction holds the
write lock from its start (`transaction_mode`).
"""

from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings
from django.db.models import Model


class Holder(StrEnum):
    """The owner of the objects that are counted together."""

    USER = "user"
    SITE = "site"


@dataclass(frozen=True, slots=True)
class Quota:
    """A limit and the setting that holds it."""

    things: str
    holder: Holder

    @property
    def setting(self) -> str:
        """The name of the setting, for example VIGIL_MAX_CAMERAS_PER_USER."""
        return f"VIGIL_MAX_{self.things}_PER_{self.holder}".upper()

    @property
    def limit(self) -> int | None:
        """The highest number allowed; None: no limit."""
        found: int | None = settings.VIGIL_QUOTAS[self.things, str(self.holder)]
        return found


CAMERAS, ZONES, RULES = "cameras", "zones", "rules"
SUBSCRIPTIONS = Quota("subscriptions", Holder.USER)
TOKENS = Quota("tokens", Holder.USER)
SITES = Quota("sites", Holder.USER)
INVITATIONS = Quota("invitations", Holder.USER)


class QuotaExceededError(Exception):
    """The quota is used up; the message names the quota and its setting."""


def lock(holder: Model) -> None:
    """Make transactions that count the objects of this user or site run one at a time. Call it before counting.

    `no_key` lets other transactions insert rows that refer to the user or site, so only those that count wait.
    """
    # `request.user` is a lazy object: its `type()` is no model, its `__class__` is.
    holder.__class__._base_manager.select_for_update(no_key=True).filter(pk=holder.pk).values_list("pk").first()


def quota_problem(quota: Quota, *, used: int, added: int = 1) -> str | None:
    """Return why `added` objects on top of `used` exceed the quota; None if they do not."""
    limit = quota.limit
    if limit is None or used + added <= limit:
        return None
    return (
        f"This would exceed the limit of {limit} {quota.things} per {quota.holder} ({quota.setting}; {used} in use)."
        " Delete some, or ask an administrator to raise the limit."
    )


def require_quota(quota: Quota, *, used: int, added: int = 1) -> None:
    """Raise QuotaExceededError if `added` objects on top of `used` exceed the quota."""
    if problem := quota_problem(quota, used=used, added=added):
        raise QuotaExceededError(problem)
