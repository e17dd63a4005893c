"""The pages of django-allauth's steps, which it finds by these names.

allauth's own URL configuration is not included: it also has pages to sign up and to change addresses and passwords,
which Vigil does not offer.
"""

from django.urls import path

from vigil_apps.accounts.lockout import limited_attempts
from vigil_apps.dashboard.views import sessions

urlpatterns = [
    path("dashboard/login/", limited_attempts(sessions.SignInView.as_view()), name="account_login"),
    path("dashboard/logout/", sessions.SignOutView.as_view(), name="account_logout"),
    path("accounts/inactive/", sessions.inactive, name="account_inactive"),
]
