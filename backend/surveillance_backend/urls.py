"""Every path of the backend."""

from importlib.util import find_spec

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView
from django_prometheus.exports import ExportToDjangoView

from accounts.lockout import limited_attempts
from accounts.pages import InvitationPage
from surveillance_backend import probes
from surveillance_backend.schema_view import SchemaView

handler400 = "surveillance_backend.bad_request.bad_request"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(url="/dashboard/"), name="home"),
    path("healthz", probes.healthz, name="healthz"),
    path("readyz", probes.readyz, name="readyz"),
    path("metrics", ExportToDjangoView, name="metrics"),
    path("invitation/<str:token>/", limited_attempts(InvitationPage.as_view()), name="invitation"),
    path("api/schema/", SchemaView.as_view(), name="schema"),
    path("api/", include("accounts.api.urls")),
    path("api/", include("audit.api.urls")),
    path("api/", include("notifications.api.urls")),
    path("api/", include("sites.api.urls")),
    path("api/", include("surveillance.api.urls")),
]
if find_spec("surveillance.dashboard") is not None and find_spec("surveillance.dashboard.urls") is not None:
    urlpatterns.append(path("dashboard/", include("surveillance.dashboard.urls")))
if settings.VIGIL_ADMIN_PATH:
    admin_login = limited_attempts(admin.site.login)
    urlpatterns.append(path(f"{settings.VIGIL_ADMIN_PATH}login/", admin_login))  # before the site's own, same name
    urlpatterns.append(path(settings.VIGIL_ADMIN_PATH, admin.site.urls))
