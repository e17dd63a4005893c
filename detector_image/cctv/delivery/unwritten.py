"""Alerts that the disk has refused: kept in memory, in order, and offered to the spool again until it has them.

The rules report an object once. An alert that could not be written must therefore not be forgotten: the next frame
would not report it again. While any alert is held here, the detector's saved state must not be renewed either: a
detector that is killed now then reports the object anew instead of losing it.
"""

from collections import deque
from collections.abc import Callable

from cctv.common.backoff import Backoff
from cctv.common.events import Event

MAX_HELD_ALERTS = 100
"""Each holds a JPEG of some 50 to 200 kB, so this bounds the memory to about 20 MB per camera."""
RETRY_FIRST_SECONDS, RETRY_LONGEST_SECONDS = 1.0, 5.0


class UnwrittenAlerts:
    """The alerts of one camera that wait for the disk. Not thread-safe: the camera's analysis thread calls it.

    `write` puts an alert into the spool; it returns whether the spool has it now, and raises OSError where the disk
    refuses it. `give_up` gets the alerts that are too many to hold.
    """

    def __init__(self, write: Callable[[Event], bool], give_up: Callable[[Event], None]) -> None:
        self._write, self._give_up = write, give_up
        self._held: deque[Event] = deque()
        self._backoff = Backoff(RETRY_FIRST_SECONDS, RETRY_LONGEST_SECONDS)
        self._retry_at_seconds = 0.0

    def __len__(self) -> int:
        return len(self._held)

    def add(self, event: Event) -> None:
        """Hold one more alert; the oldest is given up when there are too many."""
        self._held.append(event)
        if len(self._held) > MAX_HELD_ALERTS:
            self._give_up(self._held.popleft())

    def retry(self, now_seconds: float) -> bool:
        """Offer the held alerts again when it is time to, the oldest first; return whether none is left now.

        `now_seconds` is a monotonic time. `float("inf")` tries at once, whatever the pause.
        """
        if not self._held:
            return True
        if now_seconds < self._retry_at_seconds:
            return False
        while self._held:
            try:
                self._write(self._held[0])
            except OSError:
                self._retry_at_seconds = now_seconds + self._backoff.next_seconds()
                return False
            self._held.popleft()
        self._backoff.reset()
        self._retry_at_seconds = 0.0
        return True
