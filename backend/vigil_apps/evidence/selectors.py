"""Read cases: who may see and manage them."""

from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404

from surveillance.selectors.holds import holds_visible_to
from vigil_apps.accounts.principal import Principal
from vigil_apps.accounts.scopes import Scope
from vigil_apps.evidence.models import Case

NOT_THE_OWNER = "Only the owner of the case may do that."


def cases_visible_to(principal: Principal) -> QuerySet[Case]:
    """Return the cases that the user owns or is a member of; all for a superuser, none for services."""
    user = principal.user
    if principal.scope != Scope.USER or user is None:
        return Case.objects.none()
    cases = Case.objects.select_related("owner")
    if user.is_superuser:
        return cases
    of_member = Case.members.through.objects.filter(user=user.pk).values("case")
    return cases.filter(Q(owner=user.pk) | Q(pk__in=of_member))


def may_manage(principal: Principal, case: Case) -> bool:
    """Return whether the user owns the case, or is a superuser."""
    user = principal.user
    return user is not None and (user.is_superuser or case.owner_id == user.pk)


def case_for(principal: Principal, case_id: int, *, manages: bool = False) -> Case:
    """Return the case. Raises Http404 if the user cannot see it, PermissionDenied if only its owner may do that."""
    case = cases_visible_to(principal).filter(pk=case_id).first()
    if case is None:
        raise Http404
    if manages and not may_manage(principal, case):
        raise PermissionDenied(NOT_THE_OWNER)
    return case


def liftable_holds(principal: Principal, case: Case) -> set[int]:
    """Return the ids of the case's holds that the user may lift."""
    holds = holds_visible_to(principal).filter(case_item__case=case)
    return {hold.pk for hold in holds if getattr(hold, "may_lift", False)}
