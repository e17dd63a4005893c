"""Run Django under ASGI with a single thread switch per request.

All views and middleware here are synchronous. Django would run part of the chain in the event loop and switch to the
request's thread and back for each middleware, some twenty times, which takes longer than most views.
"""

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.http import HttpResponseBase


class ThreadedHandler(ASGIHandler):
    """Django's handler, with its synchronous chain in the request's thread."""

    def load_middleware(self, is_async: bool = False) -> None:
        """Load the synchronous chain in any case."""
        super().load_middleware(is_async=False)

    async def get_response_async(self, request: ASGIRequest) -> HttpResponseBase:  # type: ignore[override]
        """Return the chain's response."""
        return await sync_to_async(self.get_response, thread_sensitive=True)(request)
