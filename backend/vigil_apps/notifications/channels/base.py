"""The interface of channels. To add one, add a file with such a class and a row in the registry."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from vigil_apps.notifications.core.message import Content

MASK = "***"
SEND_SECONDS = 20.0
"""An attempt ends within this time."""


class DeliveryError(Exception):
    """The receiver has not confirmed the message.

    The text is shown to users: it contains only our own words and numbers, never text of a library or receiver, which
    may repeat an address or a password. `is_final`: retrying is useless. `is_gone`: so is sending any other message.
    `retry_after_seconds`: the delay that the receiver requests.
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
    """Where a channel sends to. Validation errors name the field and never repeat its value."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid", frozen=True, hide_input_in_errors=True)


T = TypeVar("T", bound=Target)


class Channel(Protocol[T]):
    """A way to notify a user."""

    label: str
    target_type: type[T]

    def unavailable(self) -> str:
        """Return why this server cannot use the channel and how to enable it; empty if it can."""
        ...

    def mask(self, target: T) -> Mapping[str, Any]:
        """Return the target for display to its user: identifiable, but without secrets."""
        ...

    def send(self, target: T, content: Content) -> None:
        """Send the message; return after the receiver has confirmed it. Raises DeliveryError."""
        ...


def masked_url(url: str) -> str:
    """Return scheme, host and port; mark that other parts (user, path, query), which may be secret, exist."""
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    authority, question, _ = authority.partition("?")
    _, at, host = authority.rpartition("@")
    tail = f"/{MASK}" if path else slash
    return f"{scheme}://{MASK + '@' if at else ''}{host}{tail}{f'?{MASK}' if question else ''}"
