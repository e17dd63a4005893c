"""Alerts: one on its page, its small picture, and acknowledging."""

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import trigger_client_event

from surveillance import pictures
from surveillance.dashboard import selectors, thumbnails
from surveillance.dashboard.cards import alert_card
from surveillance.dashboard.views.base import UserRequest, signed_in
from surveillance.services.alerts import alerts_acknowledge

MAX_AT_ONCE = 1000


@require_GET
@signed_in
def alert(request: UserRequest, alert_id: int) -> HttpResponse:
    """One alert."""
    card = alert_card(selectors.visible_alert(request.user, alert_id))
    context = {"section": "overview", "alert": card, "open_alerts": selectors.open_alerts_count(request.user)}
    return render(request, "surveillance/alert.html", context)


@require_GET
@signed_in
def alert_thumbnail(request: UserRequest, alert_id: int) -> HttpResponse:
    """The alert's picture as small as the cards show it, by the same right as the alert."""
    found = selectors.visible_alert(request.user, alert_id)
    try:
        content = thumbnails.thumbnail(found.image) if found.image else None
    except pictures.StorageUnavailableError:
        return HttpResponse(status=503, headers={"Retry-After": "5"})
    if content is None:
        raise Http404
    headers = {"Cache-Control": "private, max-age=86400, immutable", "X-Content-Type-Options": "nosniff"}
    return HttpResponse(content, content_type="image/jpeg", headers=headers)


@require_POST
@signed_in
def alert_acknowledge(request: UserRequest, alert_id: int) -> HttpResponse:
    """Acknowledges one; answers its card anew."""
    selectors.visible_alert(request.user, alert_id)
    _acknowledge(request, [alert_id])
    if not request.htmx:
        return redirect(_back(request))
    card = alert_card(selectors.visible_alert(request.user, alert_id))
    return render(request, "surveillance/components/alert_card.html", {"alert": card})


@require_POST
@signed_in
def alerts_acknowledge_many(request: UserRequest) -> HttpResponse:
    """Acknowledges those whose ids are sent; what is not the user's is left as it is."""
    ids = [int(text) for text in request.POST.getlist("ids")[:MAX_AT_ONCE] if text.isdecimal() and len(text) < 19]
    _acknowledge(request, ids)
    if not request.htmx:
        return redirect(_back(request))
    return trigger_client_event(HttpResponse(status=204), "vigil:changed")


def _acknowledge(request: UserRequest, ids: list[int]) -> None:
    user = request.user
    alerts_acknowledge(alerts=selectors.visible_alerts(user), ids=ids, user=user, now=timezone.now())


def _back(request: UserRequest) -> str:
    return "dashboard:overview"
