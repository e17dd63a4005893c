"""Decide which damaged frames of a stream are skipped."""

DAMAGED_SECONDS = 2.0
"""A stream may deliver only damaged frames for this long before they are analysed."""


class DamageFilter:
    """Skips frames that the decoder marks as damaged, unless the stream gives no others.

    Packets were lost, and the decoder concealed the gap with grey blocks and smears that look like objects or like a
    covered camera. A camera that delivers damaged frames only must be analysed nevertheless.
    """

    def __init__(self) -> None:
        self._undamaged_at: float | None = None
        self._is_reported = False

    def begin_stream(self) -> None:
        """Restart the time that a connection has until its first undamaged frame."""
        self._undamaged_at = None

    def skips(self, now_seconds: float, *, is_damaged: bool) -> bool:
        """Take the next frame; return whether it must not be analysed."""
        if self._undamaged_at is None or not is_damaged:
            self._undamaged_at = now_seconds
        return is_damaged and now_seconds - self._undamaged_at < DAMAGED_SECONDS

    def reports_damage(self, *, is_damaged: bool) -> bool:
        """Return whether to log that damaged frames are analysed: once for each camera."""
        is_new, self._is_reported = is_damaged and not self._is_reported, self._is_reported or is_damaged
        return is_new
