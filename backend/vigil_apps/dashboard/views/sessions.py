"""Sign-in and sign-out."""

from django.contrib.auth.views import LoginView, LogoutView

from vigil_apps.dashboard.forms import SignInForm


class SignInView(LoginView):
    """The sign-in page."""

    template_name = "dashboard/login.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True


class SignOutView(LogoutView):
    """Sign-out by POST only, so that a link elsewhere cannot sign users out."""
