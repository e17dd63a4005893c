"""The pages of django-allauth's steps, which it finds by these names.

allauth's own URL configuration is not included: it also has pages to sign up and to change addresses and passwords,
which Vigil does not offer.
"""

from django.urls import path

from vigil_apps.accounts.lockout import limited_attempts
from vigil_apps.dashboard.views import identities, security, sessions

urlpatterns = [
    path("dashboard/login/", limited_attempts(sessions.SignInView.as_view()), name="account_login"),
    path("dashboard/logout/", sessions.SignOutView.as_view(), name="account_logout"),
    path("accounts/inactive/", sessions.inactive, name="account_inactive"),
    path("dashboard/login/code/", limited_attempts(security.SecondStepView.as_view()), name="mfa_authenticate"),
    path(
        "dashboard/login/passkey/",
        sessions.only_local(limited_attempts(security.PasskeySignInView.as_view())),
        name="mfa_login_webauthn",
    ),
    *(path(f"dashboard/settings/security/{url}", view.as_view(), name=name) for url, view, name in security.PAGES),
    path(
        "accounts/oidc/<slug:provider_id>/login/",
        limited_attempts(identities.provider_sign_in),
        name="openid_connect_login",
    ),
    path(
        "accounts/oidc/<slug:provider_id>/login/callback/",
        identities.provider_callback,
        name="openid_connect_callback",
    ),
    path("accounts/cancelled/", identities.cancelled, name="socialaccount_login_cancelled"),
    path("accounts/connections/", identities.connections, name="socialaccount_connections"),
]
