"""Views of alerts: the inbox, an alert's page and thumbnail, and the actions on alerts."""

from collections.abc import Collection
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import trigger_client_event

from surveillance import images
from surveillance.selectors.access import alert_for
from surveillance.selectors.cameras import recording_of
from surveillance.selectors.holds import holds_of_alert
from surveillance.services.alerts import alert_comment
from vigil_apps.accounts.principal import Principal
from vigil_apps.dashboard import handling, selectors, thumbnails
from vigil_apps.dashboard.cards import alert_card
from vigil_apps.dashboard.handling import Changes
from vigil_apps.dashboard.inbox import InboxFilter, inbox_newer, inbox_page
from vigil_apps.dashboard.overlay import shapes_of
from vigil_apps.dashboard.views.base import UserRequest, sign_in_required
from vigil_apps.sites.roles import Role
from vigil_contracts.recording import RecordingMode

MAX_COMMENTS, MAX_COMMENT_LENGTH = 200, 2000
HOLDS_SHOWN = 10


@require_GET
@sign_in_required
def alerts(request: UserRequest) -> HttpResponse:
    """Render the inbox; with `before` the next part of its list."""
    asked = InboxFilter(request.GET, user=request.user)
    before = handling.id_of(request.GET.get("before", ""))
    page = inbox_page(request.user, asked, now=timezone.now(), before=before)
    query = request.GET.copy()
    query.pop("before", None)
    context = {"section": "alerts", "filter": asked, "page": page, "query": query.urlencode()}
    if before is not None:
        return render(request, "dashboard/components/inbox_rows.html", context)
    newest = selectors.visible_alerts(request.user).order_by("-id").values_list("id", flat=True).first()
    context |= {"newest_id": newest or 0, "open_alerts": selectors.open_alerts_count(request.user)}
    return render(request, "dashboard/alerts.html", context)


@require_GET
@sign_in_required
def alerts_new(request: UserRequest) -> HttpResponse:
    """Render new rows of the inbox: the alerts `id`, or those since `after`; 204 if there are none."""
    asked = InboxFilter(request.GET, user=request.user)
    after = handling.id_of(request.GET.get("after", "")) or 0
    ids = handling.ids_of(request.GET, "id")
    found = inbox_newer(request.user, asked, now=timezone.now(), after=after, ids=ids)
    if not found:
        return HttpResponse(status=204)
    return render(request, "dashboard/components/inbox_rows.html", {"page": {"alerts": found}, "filter": asked})


@require_GET
@sign_in_required
def alert_preview(request: UserRequest, alert_id: int) -> HttpResponse:
    """Render the preview of one alert beside the list."""
    return render(request, "dashboard/components/alert_detail.html", _detail(request, alert_id))


@require_GET
@sign_in_required
def alert(request: UserRequest, alert_id: int) -> HttpResponse:
    """Render one alert."""
    context = _detail(request, alert_id)
    context |= {"section": "alerts", "open_alerts": selectors.open_alerts_count(request.user)}
    return render(request, "dashboard/alert.html", context)


@require_GET
@sign_in_required
def alert_thumbnail(request: UserRequest, alert_id: int) -> HttpResponse:
    """Return the alert's thumbnail for the cards; requires permission for the alert."""
    found = selectors.visible_alert(request.user, alert_id)
    etag = images.entity_tag(found.image)
    if found.image and (unchanged := get_conditional_response(request, etag=etag)) is not None:
        return unchanged
    try:
        content = thumbnails.thumbnail(found.image) if found.image else None
    except images.StorageUnavailableError:
        return HttpResponse(status=503, headers={"Retry-After": "5"})
    if content is None:
        raise Http404
    headers = {"Cache-Control": images.CACHE_CONTROL, "ETag": etag, "X-Content-Type-Options": "nosniff"}
    return HttpResponse(content, content_type="image/jpeg", headers=headers)


@require_POST
@sign_in_required
def alert_acknowledge(request: UserRequest, alert_id: int) -> HttpResponse:
    """Acknowledge an alert."""
    alert_for(Principal.of_user(request.user), alert_id, Role.SITE_OPERATOR)
    return _anew(request, alert_id, handling.acknowledge(request.user, [alert_id], now=timezone.now()))


@require_POST
@sign_in_required
def alert_resolve(request: UserRequest, alert_id: int) -> HttpResponse:
    """Resolve an alert."""
    alert_for(Principal.of_user(request.user), alert_id, Role.SITE_OPERATOR)
    return _anew(request, alert_id, handling.resolve(request.user, [alert_id], now=timezone.now()))


@require_POST
@sign_in_required
def alert_false_positive(request: UserRequest, alert_id: int) -> HttpResponse:
    """Mark an alert as a false positive, or remove the mark."""
    found = alert_for(Principal.of_user(request.user), alert_id, Role.SITE_OPERATOR)
    if found.is_false_positive:
        return _anew(request, alert_id, handling.clear(request.user, [alert_id]))
    return _anew(request, alert_id, handling.judge(request.user, [alert_id], now=timezone.now()))


@require_POST
@sign_in_required
def alert_add_comment(request: UserRequest, alert_id: int) -> HttpResponse:
    """Add a comment; an empty one is ignored."""
    found = alert_for(Principal.of_user(request.user), alert_id, Role.SITE_OPERATOR)
    text = request.POST.get("text", "").replace("\x00", "").strip()[:MAX_COMMENT_LENGTH]
    if text:
        alert_comment(alert=found, author=request.user, text=text)
    if not request.htmx:
        return redirect("dashboard:alert", alert_id)
    return render(request, "dashboard/components/alert_detail.html", _detail(request, alert_id))


@require_POST
@sign_in_required
def alerts_acknowledge_many(request: UserRequest) -> HttpResponse:
    """Acknowledge the alerts with the given ids; others' alerts are skipped."""
    return _many(request, handling.acknowledge)


@require_POST
@sign_in_required
def alerts_resolve_many(request: UserRequest) -> HttpResponse:
    """Resolve the alerts with the given ids."""
    return _many(request, handling.resolve)


@require_POST
@sign_in_required
def alerts_false_positive_many(request: UserRequest) -> HttpResponse:
    """Mark the alerts with the given ids as false positives."""
    return _many(request, handling.judge)


@require_POST
@sign_in_required
def alerts_undo(request: UserRequest) -> HttpResponse:
    """Undo the user's changes that an earlier response has listed."""
    changes = handling.changes_of(request.POST)
    handling.undo(request.user, changes, now=timezone.now())
    return _rows_anew(request, changes.ids)


def _many(request: UserRequest, act: handling.Action) -> HttpResponse:
    ids = handling.ids_of(request.POST, "ids")
    changes = act(request.user, ids, now=timezone.now())
    if not request.htmx:
        return redirect("dashboard:overview")
    return _with_undo(_rows_anew(request, ids), changes)


def _rows_anew(request: UserRequest, ids: Collection[int]) -> HttpResponse:
    """Return nothing, or with `as=rows` the changed rows of the inbox, each replacing the displayed one."""
    if not ids or request.GET.get("as") != "rows":
        return HttpResponse(status=204)
    found = selectors.visible_alerts(request.user).filter(pk__in=ids)
    context = {"alerts": [alert_card(alert) for alert in found.order_by("-id")]}
    return render(request, "dashboard/components/inbox_rows_anew.html", context)


def _with_undo(answer: HttpResponse, changes: Changes) -> HttpResponse:
    """Add the changes to the response, so that the page can offer to undo them."""
    return trigger_client_event(answer, "vigil:handled", changes.as_json())


def _anew(request: UserRequest, alert_id: int, changes: Changes) -> HttpResponse:
    """Render the changed alert: as a card, with `as=row` as a row of the inbox, without htmx as the whole page."""
    if not request.htmx:
        return redirect("dashboard:alert", alert_id)
    card = alert_card(selectors.visible_alert(request.user, alert_id))
    template = "inbox_row" if request.GET.get("as") == "row" else "alert_card"
    return _with_undo(render(request, f"dashboard/components/{template}.html", {"alert": card}), changes)


def _detail(request: UserRequest, alert_id: int) -> dict[str, Any]:
    found = selectors.visible_alert(request.user, alert_id)
    comments = list(found.comments.select_related("author")[:MAX_COMMENTS])
    shapes = shapes_of(found, seen=selectors.sightings_of_track(found))
    return {
        "alert": alert_card(found),
        "comments": comments,
        "shapes": shapes,
        "is_recorded": recording_of(found.camera).mode is not RecordingMode.OFF,
        "holds": list(holds_of_alert(found)[:HOLDS_SHOWN]),
    }
