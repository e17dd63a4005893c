"""All URLs of the backend."""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView
from django_prometheus.exports import ExportToDjangoView

from surveillance_backend import probes
from surveillance_backend.schema_view import SchemaView
from vigil_apps.accounts.lockout import limited_attempts
from vigil_apps.dashboard.views.invitation import InvitationPage
from vigil_apps.dashboard.views.sessions import SignOutView, admin_sign_in

handler400 = "surveillance_backend.bad_request.bad_request"
handler404 = "surveillance_backend.not_found.not_found"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(url="/dashboard/"), name="home"),
    path("healthz", probes.healthz, name="healthz"),
    path("readyz", probes.readyz, name="readyz"),
    path("metrics", ExportToDjangoView, name="metrics"),
    path("invitation/<str:token>/", limited_attempts(InvitationPage.as_view()), name="invitation"),
    path("api/schema/", SchemaView.as_view(), name="schema"),
    path("api/", include("vigil_apps.api.accounts.urls")),
    path("api/", include("vigil_apps.api.audit.urls")),
    path("api/", include("vigil_apps.api.evidence.urls")),
    path("api/", include("vigil_apps.api.home_assistant.urls")),
    path("api/", include("vigil_apps.api.identity.urls")),
    path("api/", include("vigil_apps.api.notifications.urls")),
    path("api/", include("vigil_apps.api.recordings.urls")),
    path("api/", include("vigil_apps.api.sites.urls")),
    path("api/", include("surveillance.api.urls")),
    path("", include("vigil_apps.dashboard.account_urls")),
    path("dashboard/", include("vigil_apps.dashboard.urls")),
]
if settings.VIGIL_ADMIN_PATH:
    # Before the site's own: the admin has no sign-in of its own, which would skip the second factor.
    urlpatterns.append(path(f"{settings.VIGIL_ADMIN_PATH}login/", admin_sign_in))
    urlpatterns.append(path(f"{settings.VIGIL_ADMIN_PATH}logout/", SignOutView.as_view()))
    urlpatterns.append(path(settings.VIGIL_ADMIN_PATH, admin.site.urls))
