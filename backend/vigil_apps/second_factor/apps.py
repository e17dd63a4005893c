"""Django configuration of the app `vigil_apps.second_factor`."""

from django.apps import AppConfig


class SecondFactorConfig(AppConfig):
    """Requirement, audit and notices of second factors."""

    name = "vigil_apps.second_factor"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Start auditing the tracked models, and connect the signals of sign-ins and factors."""
        from surveillance.credentials import rotations
        from vigil_apps.second_factor import audited, receivers
        from vigil_apps.second_factor.rotation import rotate

        audited.connect()
        receivers.connect()
        rotations["second factor"] = rotate
