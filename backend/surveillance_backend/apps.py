"""The project as an app, so that Django runs its system checks."""

from django.apps import AppConfig


class BackendConfig(AppConfig):
    """Settings, middleware and URLs. It has no tables."""

    name = "surveillance_backend"

    def ready(self) -> None:
        """Register the system checks."""
        from surveillance_backend import checks  # noqa: F401
