"""Django under ASGI with one step into a thread for each request.

Every view and middleware here is synchronous. Django would still run its chain half in the event loop and step into
the request's thread and back for each middleware, some twenty times, which costs more than most views do.
"""

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.http import HttpResponseBase


class ThreadedHandler(ASGIHandler):
    """Django's handler, with its synchronous chain run whole in the request's own thread."""

    def load_middleware(self, is_async: bool = False) -> None:
        """The synchronous chain, whatever is asked for."""
        super().load_middleware(is_async=False)

    async def get_response_async(self, request: ASGIRequest) -> HttpResponseBase:  # type: ignore[override]
        """The answer of the chain."""
        return await sync_to_async(self.get_response, thread_sensitive=True)(request)
