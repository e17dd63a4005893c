"""When a camera that used to give pictures has stopped: one event an outage, not one a try."""

from datetime import datetime

from cctv.common.events import Event, new_event_id
from vigil_contracts.names import AlertType


class OutageWatch:
    """Pure: is told how long there has been no picture, and says once when that is too long; 0: never.

    A camera that has never given a picture is no outage but one that was set up wrongly; its health says so.
    """

    def __init__(self, after_seconds: float) -> None:
        self._after_seconds = after_seconds
        self._has_worked = False
        self._reported = False

    def state(self) -> dict[str, bool]:
        """What a restarted detector must know so that it does not report the same outage again."""
        return {"has_worked": self._has_worked, "reported": self._reported}

    def restore(self, state: dict[str, bool]) -> None:
        """Takes up a `state()`."""
        self._has_worked = bool(state.get("has_worked"))
        self._reported = bool(state.get("reported"))

    def check(self, is_streaming: bool, seconds_without_picture: float, why: str, now: datetime) -> Event | None:
        """The event of an outage that has just become one. `why`: a sentence for a person; holds no credentials."""
        if is_streaming:
            self._has_worked, self._reported = True, False
            return None
        over = self._after_seconds and seconds_without_picture >= self._after_seconds
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
            description=f"No picture for {seconds_without_picture:.0f} s. {why}",
        )
