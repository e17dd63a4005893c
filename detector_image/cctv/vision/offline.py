"""Detect that a camera has gone offline: one event per outage, not one per retry."""

from datetime import datetime

from cctv.common.events import Event, new_event_id
from vigil_contracts.names import AlertType


class OutageWatch:
    """Pure: receives the time without frames and reports once when it is too long. 0 disables it.

    A camera that has never delivered a frame is misconfigured rather than offline; its health status shows why.
    """

    def __init__(self, after_seconds: float) -> None:
        self._after_seconds = after_seconds
        self._has_worked = False
        self._reported = False

    def state(self) -> dict[str, bool]:
        """Return the state that prevents a restarted detector from reporting the same outage again."""
        return {"has_worked": self._has_worked, "reported": self._reported}

    def restore(self, state: dict[str, bool]) -> None:
        """Load a `state()`."""
        self._has_worked = bool(state.get("has_worked"))
        self._reported = bool(state.get("reported"))

    def check(self, is_streaming: bool, seconds_without_frame: float, why: str, now: datetime) -> Event | None:
        """Return the event of an outage that has just begun. `why`: a sentence for users, without credentials."""
        if is_streaming:
            self._has_worked, self._reported = True, False
            return None
        over = self._after_seconds and seconds_without_frame >= self._after_seconds
        if not over or self._reported or not self._has_worked:
            return None
        self._reported = True
        return Event(
            event_id=new_event_id(),
            alert_type=AlertType.CAMERA_OFFLINE,
            label="",
            confidence=1.0,
            timestamp=now,
            box=None,
            track="",
            description=f"No frame for {seconds_without_frame:.0f} s. {why}",
        )
