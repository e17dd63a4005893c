"""The endpoint that answers the API's description."""

from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request


class SchemaView(SpectacularAPIView):
    """The OpenAPI description. There is one version of the API, so `?version=` has no effect."""

    def _get_version_parameter(self, request: Request) -> str | None:
        """Ignore the parameter: drf-spectacular would put it into a header, where a line break is an error."""
        return None
