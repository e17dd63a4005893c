"""The second factor where there is no page: `POST /api/token/`."""

from django.contrib.auth.models import User

from vigil_apps.second_factor.forms import SignInCodeForm
from vigil_apps.second_factor.selectors import has_factor, is_required_for, policy

CODE_NEEDED = (
    "This account has a second factor: send the code of the authenticator app, or a recovery code. With a passkey, "
    "sign in to the dashboard and create the token in Settings, Tokens."
)
SET_UP_FIRST = (
    "Your role requires a second factor, and your account has none. Sign in to the dashboard, set one up, and create "
    "the token in Settings, Tokens."
)


def code_problem(user: User, code: str) -> str | None:
    """Return why a token must not be issued for the password and this code, or None. A correct code is used up.

    Limits of wrong codes are those of the sign-in page.
    """
    if not has_factor(user):
        return SET_UP_FIRST if is_required_for(user, policy()) else None
    if not code:
        return CODE_NEEDED
    form = SignInCodeForm(user=user, data={"code": code})
    if not form.is_valid():
        return " ".join(form.errors.get("code", [CODE_NEEDED]))
    form.authenticator.record_usage()
    return None
