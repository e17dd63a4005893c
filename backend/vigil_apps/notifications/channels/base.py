"""What every channel is. A new one is a file with a class like this, and a row in the registry."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from vigil_apps.notifications.core.message import Content

MASK = "***"
SEND_SECONDS = 20.0
"""An attempt ends within this time, one way or the other."""


class DeliveryError(Exception):
    """The receiver has not confirmed the message.

    The text is shown to users: it is made of our own words and numbers, never of what a library or a receiver says,
    which may repeat an address or a password. `is_final`: another attempt makes no sense. `is_gone`: nor does any
    other message. `retry_after_seconds`: what the receiver asks for.
    """

    def __init__(
        self,
        reason: str,
        *,
        is_final: bool = False,
        is_gone: bool = False,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_final = is_final or is_gone
        self.is_gone = is_gone
        self.retry_after_seconds = retry_after_seconds


class Target(BaseModel):
    """Where a channel sends to. Errors of validation name the field and never repeat its value."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid", frozen=True, hide_input_in_errors=True)


T = TypeVar("T", bound=Target)


class Channel(Protocol[T]):
    """A way to reach somebody."""

    label: str
    target_type: type[T]

    def unavailable(self) -> str:
        """Why nobody can use it on this server, and what would change that; empty: it works."""
        ...

    def masked(self, target: T) -> Mapping[str, Any]:
        """The target as its user may see it again: enough to tell it from others, no secret."""
        ...

    def send(self, target: T, content: Content) -> None:
        """Returns once the receiver has confirmed the message. Raises DeliveryError."""
        ...


def masked_url(url: str) -> str:
    """Scheme, host and port; what may be secret (user, path, query) is only said to be there."""
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    authority, question, _ = authority.partition("?")
    _, at, host = authority.rpartition("@")
    tail = f"/{MASK}" if path else slash
    return f"{scheme}://{MASK + '@' if at else ''}{host}{tail}{f'?{MASK}' if question else ''}"
