"""The pages of cases. Their forms use the API."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from surveillance.selectors.access import alerts_visible_to, cameras_visible_to
from vigil_apps.accounts.principal import Principal
from vigil_apps.dashboard import handling, selectors
from vigil_apps.dashboard.cards import alert_card
from vigil_apps.dashboard.views.base import UserRequest, fragment, sign_in_required
from vigil_apps.evidence.exports import PENDING
from vigil_apps.evidence.models import Case, CaseItem
from vigil_apps.evidence.selectors import case_for, cases_visible_to, liftable_holds, may_manage
from vigil_apps.sites.roles import Role

CASES_SHOWN, CAMERAS_OFFERED, ITEMS_NAMED = 200, 1000, 10


@require_GET
@sign_in_required
def cases(request: UserRequest) -> HttpResponse:
    """Render the newest cases. `alert`: it can be added to each open one; `camera`: it is passed on to the case."""
    principal = Principal.of_user(request.user)
    alert_id = handling.id_of(request.GET.get("alert", "")) or 0
    alert = alerts_visible_to(principal, Role.SITE_OPERATOR).filter(pk=alert_id).first()
    context = {
        "section": "cases",
        "cases": cases_visible_to(principal)[:CASES_SHOWN],
        "alert": alert_card(alert) if alert is not None else None,
        "camera": handling.id_of(request.GET.get("camera", "")),
        "open_alerts": selectors.open_alerts_count(request.user),
    }
    return render(request, "dashboard/cases/list.html", context)


@require_GET
@sign_in_required
def case(request: UserRequest, case_id: int) -> HttpResponse:
    """Render a case; `camera` is selected in the form that adds a period."""
    principal = Principal.of_user(request.user)
    found = case_for(principal, case_id)
    items = list(found.items.all())
    liftable = liftable_holds(principal, found)
    offered = cameras_visible_to(principal, Role.SITE_OPERATOR).order_by("name", "id")
    context = {
        "section": "cases",
        "case": found,
        "items": [(one, one.hold_id is None or one.hold_id in liftable) for one in items],
        "members": found.members.order_by("username"),
        "cameras": list(offered.values_list("pk", "name")[:CAMERAS_OFFERED]) if found.closed_at is None else [],
        "asked": handling.id_of(request.GET.get("camera", "")),
        "closing": _closing(items),
        "open_alerts": selectors.open_alerts_count(request.user),
        **_exports(request, found),
    }
    return render(request, "dashboard/cases/case.html", context)


@require_GET
@sign_in_required
def case_exports(request: UserRequest, case_id: int) -> HttpResponse:
    """Render the exports of a case with their progress."""
    found = case_for(Principal.of_user(request.user), case_id)
    return fragment(request, "dashboard/cases/exports.html", _exports(request, found))


def _exports(request: UserRequest, case: Case) -> dict[str, Any]:
    exports = list(case.exports.all())
    return {
        "case": case,
        "exports": exports,
        "has_items": case.items.exists(),
        "is_exporting": any(one.state in PENDING for one in exports),
        "may_manage": may_manage(Principal.of_user(request.user), case),
    }


def _closing(items: list[CaseItem]) -> str:
    """Return what the user confirms before closing: what can then be deleted."""
    held = [one for one in items if one.hold_id is not None]
    lines = [f"{one.camera_name}, {one.start:%Y-%m-%d %H:%M:%S} – {one.end:%Y-%m-%d %H:%M:%S} UTC" for one in held]
    if len(lines) > ITEMS_NAMED:
        more = len(lines) - ITEMS_NAMED
        lines = [*lines[:ITEMS_NAMED], _("and %(count)s more") % {"count": more}]
    question = _("Close this case? Its legal holds are lifted. Retention can then delete what no other hold keeps:")
    return "\n".join([question, *lines]) if lines else _("Close this case?")
