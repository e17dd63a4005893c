"""Administration of second factors: who needs one, and reset of a user's factors."""

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from vigil_apps.dashboard.views.base import UserRequest, sign_in_required
from vigil_apps.second_factor.services import factors_reset, policy_set

_confirmed = reauthentication_required(app="allauth.mfa")


@require_POST
@sign_in_required
@_confirmed  # type: ignore[untyped-decorator]  # allauth has no types
def requirement_save(request: UserRequest) -> HttpResponse:
    """Save who needs a second factor."""
    _require_superuser(request)
    policy_set(
        required_for=request.POST.getlist("required_for"),
        after_single_sign_on="after_single_sign_on" in request.POST,
    )
    messages.success(request, _("Saved. It applies from each user's next sign-in on."))
    return redirect("dashboard:settings-people")


@require_POST
@sign_in_required
@_confirmed  # type: ignore[untyped-decorator]
def factors_discard(request: UserRequest, user_id: int) -> HttpResponse:
    """Delete all factors of a user who lost them."""
    _require_superuser(request)
    user = get_object_or_404(User, pk=user_id)
    factors_reset(user=user)
    messages.success(request, _("The second factor of %(name)s was reset.") % {"name": user.get_username()})
    return redirect("dashboard:settings-people")


def _require_superuser(request: UserRequest) -> None:
    if not request.user.is_superuser:
        raise PermissionDenied
