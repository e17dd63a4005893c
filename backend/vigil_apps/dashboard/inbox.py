"""The inbox: alerts with filters in the URL. Pages start after a row instead of an offset."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from surveillance.models import Alert
from surveillance.selectors.access import cameras_visible_to
from surveillance.selectors.search import alerts_with_words
from vigil_apps.accounts.principal import Principal
from vigil_apps.dashboard.cards import AlertCard, alert_card
from vigil_apps.dashboard.selectors import TRACK_WINDOW, visible_alerts
from vigil_apps.dashboard.vocabulary import ALERT_KINDS

PAGE_SIZE = 40
STATES = [
    ("open", _("New")),
    ("seen", _("Acknowledged")),
    ("resolved", _("Resolved")),
    ("false", _("False alarms")),
    ("all", _("All")),
]
_CONDITIONS = {
    "open": Q(acknowledged=False),
    "seen": Q(acknowledged=True, resolved=False),
    "resolved": Q(resolved=True),
    "false": Q(is_false_positive=True),
    "all": Q(),
}
PERIODS = [
    ("", _("Any time")),
    ("1", _("Last hour")),
    ("24", _("Last 24 hours")),
    ("168", _("Last 7 days")),
    ("720", _("Last 30 days")),
]


class InboxFilter(forms.Form):
    """The filters of the inbox. All fields are optional; invalid values are ignored."""

    state = forms.ChoiceField(label=_("Status"), choices=STATES, required=False)
    alert_type = forms.ChoiceField(label=_("Type"), required=False)
    camera = forms.TypedChoiceField(label=_("Camera"), required=False, coerce=int, empty_value=None)
    hours = forms.TypedChoiceField(label=_("Time"), choices=PERIODS, required=False, coerce=int, empty_value=None)
    q = forms.CharField(
        label=_("Search"),
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("Search")}),
    )

    def __init__(self, data: QueryDict, *, user: User) -> None:
        super().__init__(data)
        types: Any = self.fields["alert_type"]
        types.choices = [("", _("All types")), *((kind.value, look.text) for kind, look in ALERT_KINDS.items())]
        cameras: Any = self.fields["camera"]
        names = cameras_visible_to(Principal.of_user(user)).order_by("name").values_list("id", "name")
        cameras.choices = [("", _("All cameras")), *names]
        self.is_valid()

    @property
    def state_shown(self) -> str:
        """Return the selected state, by default `open`."""
        return str(self.cleaned_data.get("state") or "open")

    @property
    def is_narrow(self) -> bool:
        """Return whether a filter other than the state is set."""
        return any(self.cleaned_data.get(name) for name in ("alert_type", "camera", "hours", "q"))

    def apply(self, alerts: QuerySet[Alert], *, now: datetime) -> QuerySet[Alert]:
        """Return the alerts that match."""
        asked = self.cleaned_data
        alerts = alerts.filter(_CONDITIONS[self.state_shown])
        if asked.get("alert_type"):
            alerts = alerts.filter(alert_type=asked["alert_type"])
        if asked.get("camera"):
            alerts = alerts.filter(camera_id=asked["camera"])
        if asked.get("hours"):
            alerts = alerts.filter(timestamp__gte=now - timedelta(hours=asked["hours"]))
        if asked.get("q"):
            alerts = alerts_with_words(alerts, asked["q"])
        return alerts


@dataclass(frozen=True, slots=True)
class InboxPage:
    """Alerts, the newest first; the next page starts before the id `next_before` (None at the end)."""

    alerts: list[AlertCard]
    next_before: int | None


def in_groups(alerts: list[AlertCard]) -> list[AlertCard]:
    """Return `alerts`, newest first, with alerts of one object grouped below the newest of them."""
    groups: list[list[AlertCard]] = []
    of_object: dict[tuple[int, str], list[AlertCard]] = {}
    for alert in alerts:
        key = (alert.camera_id, alert.track)
        group = of_object.get(key) if alert.track else None
        if group is not None and abs(group[0].timestamp - alert.timestamp) <= TRACK_WINDOW:
            group.append(replace(alert, is_same=True))
        else:
            of_object[key] = [alert]
            groups.append(of_object[key])
    for group in groups:
        group[0] = replace(group[0], same_count=len(group) if len(group) > 1 else 0)
    return [alert for group in groups for alert in group]


def inbox_page(user: User, asked: InboxFilter, *, now: datetime, before: int | None = None) -> InboxPage:
    """Return one page of matching alerts."""
    alerts = asked.apply(visible_alerts(user), now=now)
    if before is not None:
        alerts = alerts.filter(pk__lt=before)
    found = [alert_card(alert) for alert in alerts.order_by("-id")[: PAGE_SIZE + 1]]
    shown = found[:PAGE_SIZE]
    return InboxPage(in_groups(shown), shown[-1].id if len(found) > PAGE_SIZE else None)


def inbox_newer(
    user: User, asked: InboxFilter, *, now: datetime, after: int, ids: Collection[int] = ()
) -> list[AlertCard]:
    """Return alerts newer than `after`, newest first, at most one page; with `ids` exactly these."""
    new = Q(pk__in=ids) if ids else Q(pk__gt=after)
    alerts = asked.apply(visible_alerts(user), now=now).filter(new)
    return [alert_card(alert) for alert in alerts.order_by("-id")[:PAGE_SIZE]]
