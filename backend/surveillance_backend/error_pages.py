"""What Django may write about a failed request: where it failed, never with what."""

from collections.abc import ItemsView
from types import FrameType
from typing import Any

from django.http import HttpRequest
from django.http.request import QueryDict
from django.views.debug import SafeExceptionReporterFilter


class NoValuesFilter(SafeExceptionReporterFilter):
    """Leaves local variables and form fields out of debug pages, since any of them may hold a stream's URL."""

    def is_active(self, request: HttpRequest | None) -> bool:
        """Always, with DEBUG too."""
        return True

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        """The fields' names."""
        data = QueryDict(mutable=True)
        for name in request.POST if request is not None else ():
            data[name] = self.cleansed_substitute
        return data

    def get_traceback_frame_variables(self, request: HttpRequest | None, tb_frame: FrameType) -> ItemsView[str, Any]:
        """None of them."""
        return {}.items()
