"""The project as a Django app, so that its system checks run."""

from django.apps import AppConfig


class BackendConfig(AppConfig):
    """Settings, middleware and URLs. Has no tables."""

    name = "surveillance_backend"

    def ready(self) -> None:
        """Register the system checks."""
        from surveillance_backend import checks  # noqa: F401
