"""The answer of a receiver to a POST request."""

from dataclasses import dataclass

from vigil_apps.notifications.channels.base import DeliveryError


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and headers of the answer."""

    status: int
    retry_after_seconds: float | None


def require_success(answer: Answer) -> None:
    """Raise DeliveryError unless the status is 2xx. 410 means that the receiver is gone permanently."""
    if 200 <= answer.status < 300:
        return
    if 300 <= answer.status < 400:
        raise DeliveryError(f"the receiver answered {answer.status}; redirects are not followed")
    raise DeliveryError(
        f"the receiver answered {answer.status}",
        is_gone=answer.status == 410,
        retry_after_seconds=answer.retry_after_seconds,
    )
