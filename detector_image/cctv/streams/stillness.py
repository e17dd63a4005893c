"""Judge by packet sizes whether a stream shows a still scene, so that most of its frames need not be decoded.

An encoder sends differences: where nothing moves, packets between keyframes have a steady size, which changes at once
when something moves. A constant bit rate or noise can hide small motion in it. The next keyframe, which is always
decoded, shows that motion, so only streams with frequent keyframes qualify.
"""

from bisect import bisect_left, insort
from collections import deque
from itertools import pairwise

MAX_KEYFRAME_INTERVAL_SECONDS = 2.5
"""The delay at which motion is noticed that packet sizes do not show. Most cameras send a keyframe every 1 to 2 s."""
KEYFRAMES_TO_TRUST = 3
AWAKE_SECONDS = 3.0
"""All frames are decoded for this long after a change: by then their analysis has found motion, or there is none."""
RECENT_PACKETS, USUAL_PACKETS = 4, 150
"""The mean size of the recent packets is compared with the usual means. Few recent ones keep the delay short."""
MOST_RATIO, LEAST_RATIO = 1.2, 0.6
"""How far the recent mean may lie above the usual means, and below them, without their extreme twentieths."""


class StillnessWatch:
    """Watches the packets of one connection. Pure: sizes in bytes and times on the monotonic clock are passed in.

    It sees every packet of every camera, so it keeps what it compares with in order instead of sorting it each time.
    """

    def __init__(self) -> None:
        self._keyframes_seconds: deque[float] = deque(maxlen=KEYFRAMES_TO_TRUST)
        self._are_keyframes_frequent = False
        self._recent: deque[int] = deque(maxlen=RECENT_PACKETS)
        self._usual: deque[float] = deque()
        self._usual_in_order: list[float] = []
        self._changed_seconds = float("-inf")

    def note(self, size_bytes: int, *, is_keyframe: bool, seconds: float, is_calm: bool) -> None:
        """Take the next packet. `is_calm`: the analysis has found no motion lately; only then sizes are learned."""
        if is_keyframe:
            self._note_keyframe(seconds)
            return
        self._recent.append(size_bytes)
        mean = sum(self._recent) / len(self._recent)
        if self._is_unusual(mean):
            self._changed_seconds = seconds
        if is_calm:
            self._learn(mean)

    def is_still(self, seconds: float) -> bool:
        """Return whether keyframes alone are enough now."""
        return (
            self._are_keyframes_frequent
            and seconds - self._keyframes_seconds[-1] <= MAX_KEYFRAME_INTERVAL_SECONDS
            and seconds - self._changed_seconds > AWAKE_SECONDS
        )

    def _note_keyframe(self, seconds: float) -> None:
        self._keyframes_seconds.append(seconds)
        times = self._keyframes_seconds
        self._are_keyframes_frequent = len(times) == KEYFRAMES_TO_TRUST and all(
            later - former <= MAX_KEYFRAME_INTERVAL_SECONDS for former, later in pairwise(times)
        )

    def _learn(self, mean: float) -> None:
        if len(self._usual) == USUAL_PACKETS:
            del self._usual_in_order[bisect_left(self._usual_in_order, self._usual.popleft())]
        self._usual.append(mean)
        insort(self._usual_in_order, mean)

    def _is_unusual(self, mean: float) -> bool:
        ordered = self._usual_in_order
        if len(ordered) < USUAL_PACKETS // 3:
            return True
        few = len(ordered) // 20
        return not LEAST_RATIO * ordered[few] <= mean <= MOST_RATIO * ordered[-1 - few]
