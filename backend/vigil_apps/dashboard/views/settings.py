"""Pages of sites, people, tokens, audit log and system state. Their forms use the API."""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from surveillance.selectors.rooms import reported_classes
from vigil_apps.accounts.models import AuthToken, Invitation
from vigil_apps.accounts.scopes import Scope
from vigil_apps.accounts.services import user_set_active
from vigil_apps.audit.models import Action
from vigil_apps.dashboard import selectors
from vigil_apps.dashboard.forms import RECORDING_MODES
from vigil_apps.dashboard.subscription_form import channel_forms
from vigil_apps.dashboard.system import system_state
from vigil_apps.dashboard.views.base import UserRequest, sign_in_required
from vigil_apps.dashboard.views.identities import own_identities
from vigil_apps.dashboard.vocabulary import ALERT_KINDS, HOLDER_TEXTS
from vigil_apps.identity.core.mapping import STAFF, SUPERUSER
from vigil_apps.identity.core.providers import PROXY
from vigil_apps.identity.models import GroupMapping
from vigil_apps.identity.providers import providers
from vigil_apps.notifications.channels import CHANNELS
from vigil_apps.notifications.channels.web_push import public_key
from vigil_apps.notifications.core.names import ChannelName, MessageFormat
from vigil_apps.notifications.models import Subscription
from vigil_apps.notifications.selectors import messages_of, subscriptions_of
from vigil_apps.notifications.services.subscriptions import masked_target
from vigil_apps.second_factor.selectors import policy, users_with_factor
from vigil_apps.sites.models import Membership, Site
from vigil_apps.sites.recording_limits import site_recording_of
from vigil_apps.sites.roles import Role
from vigil_apps.sites.selectors import audit_entries_visible_to, is_admin_anywhere, site_ids_of, sites_visible_to
from vigil_contracts.recording import SiteRecording

ENTRIES_SHOWN = 50
USERS_SHOWN = 200
SUBSCRIPTIONS_SHOWN, MESSAGES_SHOWN = 50, 3
KINDS = (
    *("camera", "site", "member", "token", "user", "invitation"),
    *("identity", "group_mapping"),
    *("second factor", "second factor policy", "home_assistant"),
    *("legal hold", "case", "export", "evidence"),
)


@require_GET
@sign_in_required
def sites(request: UserRequest) -> HttpResponse:
    """Render the user's sites with their cameras and members; admins can change them."""
    visible = sites_visible_to(user=request.user).prefetch_related("memberships__user")
    cameras = selectors.standings_of(request.user, now=timezone.now())
    administered = set(sites_visible_to(user=request.user, role=Role.ADMIN).values_list("id", flat=True))
    shown = [
        {
            "id": site.pk,
            "name": site.name,
            "cameras": [one for one in cameras if one.site_id == site.pk],
            "members": [(member.user_id, member.user.get_username(), member.role) for member in _members(site)],
            "is_administered": site.pk in administered,
            "recording": _site_recording_fields(site_recording_of(site)),
        }
        for site in visible.order_by("name")
    ]
    return _page(request, "sites", {"sites": shown, "roles": _roles(), "recording_modes": RECORDING_MODES})


@require_GET
@sign_in_required
def tokens(request: UserRequest) -> HttpResponse:
    """Render the user's tokens."""
    good = Q(expiry__isnull=True) | Q(expiry__gt=timezone.now())
    found = AuthToken.objects.filter(good, user=request.user, scope=Scope.USER)
    return _page(request, "tokens", {"tokens": found})


@require_GET
@sign_in_required
def notifications(request: UserRequest) -> HttpResponse:
    """Render the user's subscriptions with the results of their last messages."""
    shown = [
        {
            "id": one.pk,
            "name": one.name,
            "channel": _channel_text(one),
            "target": ", ".join(str(value) for value in masked_target(one).values() if isinstance(value, str)),
            "is_active": one.is_active,
            "paused_until": one.paused_until,
            "messages": list(messages_of(subscription=one).order_by("-created_at")[:MESSAGES_SHOWN]),
        }
        for one in subscriptions_of(user=request.user).order_by("name")[:SUBSCRIPTIONS_SHOWN]
    ]
    types = [(kind.value, look.text) for kind, look in ALERT_KINDS.items()]
    context = {"subscriptions": shown, "channels": channel_forms(), "types": types, "push_key": public_key()}
    return _page(request, "notifications", context)


@require_GET
@sign_in_required
def people(request: UserRequest) -> HttpResponse:
    """Render invitations, and for superusers all accounts."""
    _require(is_admin_anywhere(request.user))
    own_sites = sites_visible_to(user=request.user, role=Role.ADMIN).order_by("name")
    invitations = Invitation.objects.select_related("site", "invited_by", "used_by").order_by("-id")
    if not request.user.is_superuser:
        invitations = invitations.filter(site__in=site_ids_of(user_id=request.user.pk, role=Role.ADMIN))
    users = User.objects.order_by("username")[:USERS_SHOWN] if request.user.is_superuser else []
    context = {
        "sites": own_sites,
        "roles": _roles(),
        "invitations": invitations[:ENTRIES_SHOWN],
        "users": users,
        "users_with_factor": users_with_factor() if users else set(),
        "policy": policy() if users else None,
        "policy_roles": HOLDER_TEXTS,
        "now": timezone.now(),
    }
    return _page(request, "people", context)


@require_POST
@sign_in_required
def person_switch(request: UserRequest, user_id: int) -> HttpResponse:
    """Deactivate or reactivate an account, except the user's own."""
    _require(request.user.is_superuser)
    found = get_object_or_404(User, pk=user_id)
    if found.pk != request.user.pk:
        user_set_active(user=found, is_active=not found.is_active)
    return redirect("dashboard:settings-people")


@require_GET
@sign_in_required
def identities(request: UserRequest) -> HttpResponse:
    """Render the identity providers by which the user signs in."""
    return _page(request, "identities", own_identities(request))


@require_GET
@sign_in_required
def groups(request: UserRequest) -> HttpResponse:
    """Render what the groups of identity providers give."""
    _require(request.user.is_superuser)
    names = [(one.id, one.name) for one in providers().values()]
    system = [(STAFF, _("Staff: may use Django's admin")), (SUPERUSER, _("System administrator"))]
    context = {
        "providers": [*names, (PROXY, _("Reverse proxy"))],
        "mappings": GroupMapping.objects.select_related("site"),
        "sites": Site.objects.order_by("name"),
        "site_roles": _roles(),
        "system_roles": system,
        "has_groups": bool(names) or bool(settings.VIGIL_REMOTE_GROUPS_HEADER),
    }
    return _page(request, "groups", context)


@require_GET
@sign_in_required
def audit(request: UserRequest) -> HttpResponse:
    """Render the audit log."""
    _require(is_admin_anywhere(request.user))
    entries = audit_entries_visible_to(request.user)
    asked = {name: request.GET.get(name, "").replace("\x00", "")[:150] for name in ("kind", "action", "actor_name")}
    for name, value in asked.items():
        if value:
            entries = entries.filter(**{name: value})
    before = request.GET.get("before", "")
    if before.isascii() and before.isdecimal() and len(before) < 19:
        entries = entries.filter(pk__lt=int(before))
    found = list(entries[: ENTRIES_SHOWN + 1])
    query = request.GET.copy()
    query.pop("before", None)
    context = {
        "entries": found[:ENTRIES_SHOWN],
        "next_before": found[ENTRIES_SHOWN - 1].pk if len(found) > ENTRIES_SHOWN else None,
        "asked": asked,
        "kinds": KINDS,
        "actions": Action.choices,
        "query": query.urlencode(),
    }
    return _page(request, "audit", context)


@require_GET
@sign_in_required
def system(request: UserRequest) -> HttpResponse:
    """Render the state of the backend."""
    _require(request.user.is_superuser)
    context = {"state": system_state(now=timezone.now()), "classes": reported_classes()}
    return _page(request, "system", context)


def settings_context(request: UserRequest, part: str) -> dict[str, Any]:
    """Return what the layout of all settings pages shows; `part` is the current page."""
    tabs = [(name, text, True) for name, text in _own_tabs()]
    tabs += [(name, text, is_admin_anywhere(request.user)) for name, text in _admin_tabs()]
    tabs += [(name, text, request.user.is_superuser) for name, text in _system_tabs()]
    return {
        "section": "settings",
        "part": part,
        "tabs": [(f"dashboard:settings-{name}", name, text) for name, text, is_shown in tabs if is_shown],
        "open_alerts": selectors.open_alerts_count(request.user),
    }


def _page(request: UserRequest, part: str, context: dict[str, Any]) -> HttpResponse:
    return render(request, f"dashboard/settings/{part}.html", context | settings_context(request, part))


def _own_tabs() -> list[tuple[str, str]]:
    own = [
        ("sites", _("Sites")),
        ("notifications", _("Notifications")),
        ("tokens", _("Tokens")),
        ("holds", _("Legal holds")),
        ("security", _("Sign-in and security")),
    ]
    return [*own, ("identities", _("Identity providers"))] if providers() else own


def _admin_tabs() -> list[tuple[str, str]]:
    return [("people", _("People")), ("audit", _("Audit log"))]


def _system_tabs() -> list[tuple[str, str]]:
    return [("groups", _("Groups")), ("home_assistant", "Home Assistant"), ("system", _("System"))]


def _channel_text(subscription: Subscription) -> str:
    """Return the channel, with the format if that is not the usual one."""
    label = CHANNELS[ChannelName(subscription.channel)].label
    is_stream = subscription.format == MessageFormat.CLOUDEVENTS
    return f"{label} · CloudEvents" if is_stream else label


def _require(is_allowed: bool) -> None:
    if not is_allowed:
        raise PermissionDenied


def _roles() -> list[tuple[str, str]]:
    return [(Role.VIEWER, _("Viewer")), (Role.SITE_OPERATOR, _("Operator")), (Role.ADMIN, _("Admin"))]


def _site_recording_fields(recording: SiteRecording) -> dict[str, Any]:
    """Return the site's mode, and for each number its name, label, value and the server's value as a placeholder."""
    labels = {
        "days": _("Keep for (days)"),
        "gigabytes": _("Space per camera (GB)"),
        "max_days": _("Days at most"),
        "max_gigabytes": _("GB at most"),
    }
    numbers = [
        (name, label, getattr(recording, name), getattr(settings, f"VIGIL_RECORDING_{name.upper()}"))
        for name, label in labels.items()
    ]
    is_set = any(value is not None for value in recording.model_dump().values())
    return {"mode": recording.mode, "numbers": numbers, "is_set": is_set}


def _members(site: Any) -> list[Membership]:
    return list(site.memberships.all())
