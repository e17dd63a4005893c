"""Signing in and out."""

from django.contrib.auth.views import LoginView, LogoutView

from vigil_apps.dashboard.forms import SignInForm


class SignInView(LoginView):
    """The product's own sign-in page."""

    template_name = "dashboard/login.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True


class SignOutView(LogoutView):
    """By POST only, so that no link elsewhere can sign anybody out."""
