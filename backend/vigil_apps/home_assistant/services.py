"""Write the integration's settings and state."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q

from surveillance.core.validation import InvalidInputError, as_json_object, parse
from surveillance.selectors.access import camera_for
from surveillance.services.cameras import camera_set_active
from surveillance.wakeups import Wakeup
from vigil_apps.accounts.principal import Principal
from vigil_apps.audit.origin import acting_as
from vigil_apps.home_assistant.core.settings import PORTS, HomeAssistantSettings
from vigil_apps.home_assistant.core.states import Seen
from vigil_apps.home_assistant.models import HomeAssistant, PublishedDevice
from vigil_apps.home_assistant.selectors import masked_broker_url
from vigil_apps.notifications.channels.base import MASK
from vigil_apps.notifications.channels.mqtt import check_broker_url
from vigil_apps.sites.models import Site
from vigil_apps.sites.roles import Role

LEASE = timedelta(seconds=10)
CHANGED = Wakeup()
"""The settings have changed."""

FROM_ENVIRONMENT = "is set by VIGIL_MQTT_URL on the server"
URL_MISSING = "is required, such as mqtt://user:password@broker.example:1883"
NO_PATH = "must end with the host or port, without a path or topic"
USER_INACTIVE = "The user's account is deactivated."
NO_SUCH_USER = "must be the name of an active user"
MAX_URL_LENGTH = 2000


def settings_update(*, values: Mapping[str, Any]) -> HomeAssistant:
    """Change the given settings. Raises InvalidInputError that names the field."""
    with transaction.atomic():
        HomeAssistant.objects.get_or_create(pk=1)
        row = HomeAssistant.objects.select_for_update().get(pk=1)
        sent = as_json_object(dict(values), field="non_field_errors")
        url = sent.pop("url", None)
        checked = parse(HomeAssistantSettings, _as_values(row) | sent)
        if url is not None:
            row.url = _checked_url(row, url)
        if checked.is_enabled and not row.url and not settings.VIGIL_MQTT_URL:
            raise InvalidInputError({"url": [URL_MISSING]})
        row.is_enabled, row.discovery_prefix = checked.is_enabled, checked.discovery_prefix
        if "sites" in sent:
            row.sites = _checked_sites(checked)
        if "acts_as" in sent:
            row.acts_as = _checked_user(checked)
        row.save(update_fields=["is_enabled", "url", "discovery_prefix", "sites", "acts_as"])
        transaction.on_commit(CHANGED.announce, robust=True)
    return row


def lease_acquire(*, holder: str, now: datetime, is_only_process: bool = False) -> bool:
    """Acquire or renew the lease to publish; return whether `holder` has it. Safe in several processes at once."""
    HomeAssistant.objects.get_or_create(pk=1)
    is_free = Q(holder__in=("", holder)) | Q(held_until__isnull=True) | Q(held_until__lt=now)
    rows = HomeAssistant.objects.filter(pk=1)
    taken = (rows if is_only_process else rows.filter(is_free)).update(holder=holder, held_until=now + LEASE)
    return taken == 1


def lease_release(*, holder: str) -> None:
    """Let another process publish at once."""
    HomeAssistant.objects.filter(pk=1, holder=holder).update(holder="", held_until=None, is_connected=False)


def connection_record(*, is_connected: bool, problem: str) -> None:
    """Store the state of the connection, for display."""
    same = {"is_connected": is_connected, "problem": problem[:200]}
    HomeAssistant.objects.filter(pk=1).exclude(**same).update(**same)


def alert_position_record(*, position: int) -> None:
    """Store the id of the last published alert."""
    HomeAssistant.objects.filter(pk=1).update(alert_position=position)


def device_record(*, camera_id: int, components: Mapping[str, str], counted: tuple[Seen, ...]) -> None:
    """Store that Home Assistant knows these entities of the camera."""
    values = {"components": dict(components), "counted": [[kind.value, zone] for kind, zone in counted]}
    PublishedDevice.objects.update_or_create(camera_id=camera_id, defaults=values)


def device_forget(*, camera_id: int) -> None:
    """Store that Home Assistant does not know the camera any more."""
    PublishedDevice.objects.filter(camera_id=camera_id).delete()


def camera_switch(*, user: User, camera_id: int, is_active: bool) -> None:
    """Activate or deactivate a camera as this user, who must be an operator of it; the audit log names both.

    Raises Http404 or PermissionDenied if the user may not do that, ReadOnlyCameraError if kubectl manages the camera.
    """
    if not user.is_active:
        raise PermissionDenied(USER_INACTIVE)
    with acting_as(user, name="Home Assistant"):
        camera = camera_for(Principal.of_user(user), camera_id, Role.SITE_OPERATOR)
        camera_set_active(camera=camera, is_active=is_active)


def _as_values(row: HomeAssistant) -> dict[str, Any]:
    names = ("is_enabled", "discovery_prefix", "sites")
    acts_as = row.acts_as.get_username() if row.acts_as is not None else ""
    return {name: getattr(row, name) for name in names} | {"acts_as": acts_as}


def _checked_url(row: HomeAssistant, sent: object) -> str:
    if settings.VIGIL_MQTT_URL:
        raise InvalidInputError({"url": [FROM_ENVIRONMENT]})
    if sent == masked_broker_url(row):  # the form sends back what it was shown
        return row.url
    if not isinstance(sent, str) or len(sent) > MAX_URL_LENGTH:
        raise InvalidInputError({"url": [f"must be a text of at most {MAX_URL_LENGTH} characters"]})
    if MASK in sent:
        raise InvalidInputError({"url": [f"contains {MASK}; enter it in full"]})
    if not sent:
        return ""
    try:
        return check_broker_url(sent, tuple(PORTS), no_path=NO_PATH)
    except ValueError as error:
        raise InvalidInputError({"url": [str(error)]}) from None


def _checked_sites(checked: HomeAssistantSettings) -> list[int]:
    wanted = list(dict.fromkeys(checked.sites))
    unknown = set(wanted) - set(Site.objects.filter(pk__in=wanted).values_list("pk", flat=True))
    if unknown:
        raise InvalidInputError({"sites": [f"must be ids of sites; there is no {min(unknown)}"]})
    return wanted


def _checked_user(checked: HomeAssistantSettings) -> User | None:
    if not checked.acts_as:
        return None
    found = User.objects.filter(username=checked.acts_as, is_active=True).first()
    if found is None:
        raise InvalidInputError({"acts_as": [NO_SUCH_USER]})
    return found
