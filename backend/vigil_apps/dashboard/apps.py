"""The app's configuration."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    """The pages that people use, with their forms, templates, static files and translations. It has no tables."""

    name = "vigil_apps.dashboard"
