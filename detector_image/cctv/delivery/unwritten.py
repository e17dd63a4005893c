"""Hold alerts in memory that could not be written to disk, and offer them to the spool until it stores them.

The rules report an object only once, so an alert that could not be written would be lost with the next frame. While
any alert is held here, the detector's saved state must not be updated either: if the detector is killed, the next
process then reports the object again.
"""

from collections import deque
from collections.abc import Callable

from cctv.common.events import Event
from vigil_contracts.backoff import Backoff

MAX_HELD_ALERTS = 100
"""Each alert has a JPEG of some 50 to 200 kB, so this limits the memory to about 20 MB per camera."""
RETRY_FIRST_SECONDS, RETRY_LONGEST_SECONDS = 1.0, 5.0


class UnwrittenAlerts:
    """The alerts of one camera that wait for the disk. Not thread-safe: the camera's analysis thread calls it.

    `write` stores an alert in the spool, returns whether it did, and raises OSError if the disk fails. `give_up`
    receives the alerts that exceed the limit.
    """

    def __init__(self, write: Callable[[Event], bool], give_up: Callable[[Event], None]) -> None:
        self._write, self._give_up = write, give_up
        self._held: deque[Event] = deque()
        self._backoff = Backoff(RETRY_FIRST_SECONDS, RETRY_LONGEST_SECONDS)
        self._retry_at_seconds = 0.0

    def __len__(self) -> int:
        return len(self._held)

    def add(self, event: Event) -> None:
        """Hold one more alert; give up the oldest one above the limit."""
        self._held.append(event)
        if len(self._held) > MAX_HELD_ALERTS:
            self._give_up(self._held.popleft())

    def retry(self, now_seconds: float) -> bool:
        """Offer the held alerts again if a retry is due, the oldest first; return whether none is left.

        `now_seconds` is a monotonic time. `float("inf")` retries at once.
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
