"""Django configuration of the app `vigil_apps.dashboard`."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    """Dashboard pages with their forms, templates, static files and translations. Has no tables."""

    name = "vigil_apps.dashboard"
