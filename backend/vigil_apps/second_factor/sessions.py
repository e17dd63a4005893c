"""The step that a session must take before anything else: set up a factor, or prove one.

It is decided at sign-in. Requests of other sessions cost nothing.
"""

from allauth.account.authentication import get_authentication_records
from django.contrib.auth import BACKEND_SESSION_KEY
from django.contrib.auth.models import User
from django.http import HttpRequest

from vigil_apps.second_factor.requirement import Step, next_step
from vigil_apps.second_factor.selectors import has_factor, is_required_for, policy

KEY = "second_factor_step"
_PROXY_BACKEND = "vigil_apps.accounts.single_sign_on.ProxyUserBackend"


def step_of(request: HttpRequest, user: User) -> Step:
    """Return what this session must do first."""
    current = policy()
    methods = {record.get("method") for record in get_authentication_records(request, user)}
    is_by_provider = "socialaccount" in methods or request.session.get(BACKEND_SESSION_KEY) == _PROXY_BACKEND
    return next_step(
        has_factor=has_factor(user),
        is_verified="mfa" in methods,
        is_needed=is_required_for(user, current),
        is_vouched_for=is_by_provider and not current.after_single_sign_on,
    )


def remember(request: HttpRequest, user: User) -> None:
    """Store the session's step at sign-in."""
    step = step_of(request, user)
    if step:
        request.session[KEY] = str(step)
    else:
        request.session.pop(KEY, None)


def pending_step(request: HttpRequest) -> Step:
    """Return the step that is still to be taken; a session that has taken it is released."""
    if not request.session.get(KEY) or not isinstance(request.user, User):
        return Step.NONE
    step = step_of(request, request.user)
    if not step:
        del request.session[KEY]
    return step
