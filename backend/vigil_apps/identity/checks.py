"""Ask the providers again and again, so that a removed group takes its rights away while the user is signed in."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from vigil_apps.identity.core.mapping import groups_of_claims
from vigil_apps.identity.core.problems import SignInProblemError
from vigil_apps.identity.core.providers import PROXY, Provider
from vigil_apps.identity.metrics import IDENTITY_CHECKS
from vigil_apps.identity.models import Identity
from vigil_apps.identity.openid import RefusedError, UnavailableError, tokens_refresh, userinfo_of
from vigil_apps.identity.providers import providers
from vigil_apps.identity.services import Tokens, identity_end, identity_groups_set

log = logging.getLogger(__name__)


def identities_check(*, clock: Callable[[], datetime]) -> int:
    """Check all identities that are due; return their number. Several processes share the work."""
    due = clock() - timedelta(seconds=settings.VIGIL_IDENTITY_CHECK_SECONDS)
    found = Identity.objects.exclude(provider=PROXY)
    found = found.filter(is_confirmed=True, checked_at__lte=due, user__is_active=True)
    count = 0
    for identity in found.select_related("user").order_by("checked_at"):
        claimed = Identity.objects.filter(pk=identity.pk, checked_at=identity.checked_at)
        if claimed.update(checked_at=clock()):
            _check(identity, clock())
            count += 1
    return count


def _check(identity: Identity, now: datetime) -> None:
    provider = providers().get(identity.provider)
    try:
        if provider is None:
            raise RefusedError("no such provider is configured")
        groups = _groups_now(identity, provider, now)
        if provider.allowed_groups and not set(provider.allowed_groups) & set(groups):
            raise RefusedError("in no allowed group")
    except RefusedError as error:
        log.info("user=%s provider=%s: sessions ended: %s", identity.user_id, identity.provider, error)
        IDENTITY_CHECKS.labels("refused").inc()
        identity_end(identity=identity)
    except (UnavailableError, SignInProblemError) as error:
        log.warning(
            "could not check the groups of user=%s at provider=%s: %s; rights stay, retrying in %d s",
            identity.user_id,
            identity.provider,
            error,
            settings.VIGIL_IDENTITY_CHECK_SECONDS,
        )
        IDENTITY_CHECKS.labels("unavailable").inc()
    else:
        IDENTITY_CHECKS.labels("confirmed").inc()
        identity_groups_set(identity=identity, groups=groups)


def _groups_now(identity: Identity, provider: Provider, now: datetime) -> tuple[str, ...]:
    access = identity.access_token
    claims: dict[str, Any] = {}
    if identity.refresh_token:
        tokens, claims = tokens_refresh(provider, identity.refresh_token)
        _store(identity, tokens)
        access = tokens.access
    elif not access or (identity.access_expires_at is not None and identity.access_expires_at <= now):
        raise RefusedError("the access token has expired, and the provider issued no refresh token")
    userinfo = userinfo_of(provider, access)
    if str(userinfo.get("sub", identity.subject)) != identity.subject:
        raise UnavailableError("userinfo is about another subject")
    return groups_of_claims(provider.groups_claim, userinfo, claims)


def _store(identity: Identity, tokens: Tokens) -> None:
    """Store rotated tokens at once, unless a sign-in has stored newer ones in the meantime."""
    values: dict[str, Any] = {
        "access_token": tokens.access,
        "access_expires_at": tokens.expires_at,
        "refresh_token": tokens.refresh,
    }
    Identity.objects.filter(pk=identity.pk, tokens_at=identity.tokens_at).update(**values)
    for name, value in values.items():
        setattr(identity, name, value)
