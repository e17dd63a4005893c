"""The page for a failed sign-in by a provider."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from vigil_apps.identity.core.problems import Problem, SignInProblemError


def problem_page(request: HttpRequest, provider: str, error: SignInProblemError) -> HttpResponse:
    """Return the page that says what went wrong and what to do."""
    context = {"title": _("Sign-in failed"), "text": problem_text(provider, error)}
    response = render(request, "dashboard/sign_in_problem.html", context, status=403)
    response.headers["Cache-Control"] = "no-store"
    return response


def problem_text(provider: str, error: SignInProblemError) -> str:
    """Return the problem in the user's words."""
    texts = {
        Problem.UNREACHABLE: _("%(provider)s cannot be reached. Try again in a few minutes."),
        Problem.REFUSED: _("%(provider)s refused the sign-in. Ask an administrator to read the log of the backend."),
        Problem.EXPIRED: _("The sign-in took too long, or was started in another browser. Start it again."),
        Problem.CANCELLED: _("The sign-in at %(provider)s was cancelled."),
        Problem.CLOCK: _(
            "The clocks of %(provider)s and of this server differ by %(minutes)s minutes. Ask an administrator to "
            "synchronise them."
        ),
        Problem.WRONG_ISSUER: _(
            "%(provider)s reports another issuer than the one configured. Ask an administrator to correct the issuer."
        ),
        Problem.SUBJECT_MISMATCH: _("%(provider)s sent contradictory data. Ask an administrator to report this."),
        Problem.NOT_ALLOWED: _(
            "Your account at %(provider)s is in no group that may use Vigil. Ask an administrator to add you to one."
        ),
        Problem.NO_ACCOUNT: _(
            "You have no account in Vigil. Ask an administrator for an invitation, then connect %(provider)s in the "
            "settings."
        ),
        Problem.ADDRESS_TAKEN: _(
            "Another account in Vigil uses your e-mail address. Sign in to it in the way you did before, then "
            "connect %(provider)s in the settings."
        ),
    }
    return texts[error.problem] % {"provider": provider, "minutes": error.minutes}
