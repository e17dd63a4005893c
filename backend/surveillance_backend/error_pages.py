"""Error reports that contain where a request failed, but no values."""

from collections.abc import ItemsView
from types import FrameType
from typing import Any

from django.http import HttpRequest
from django.http.request import QueryDict
from django.views.debug import SafeExceptionReporterFilter


class NoValuesFilter(SafeExceptionReporterFilter):
    """Removes local variables and form fields from debug pages, since they may contain stream URLs."""

    def is_active(self, request: HttpRequest | None) -> bool:
        """Return True, even with DEBUG."""
        return True

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        """Return the fields' names only."""
        data = QueryDict(mutable=True)
        for name in request.POST if request is not None else ():
            data[name] = self.cleansed_substitute
        return data

    def get_traceback_frame_variables(self, request: HttpRequest | None, tb_frame: FrameType) -> ItemsView[str, Any]:
        """Return no variables."""
        return {}.items()
