"""Give a connection's packets times of the day that never go back, and decide where segments begin. Pure.

Distances between packets come from the camera's timestamps, which are even, while packets arrive in bursts. The
camera's clock runs at a slightly different rate, so the timeline is steered towards the times of arrival by at most
one percent. A packet is never early: the least lateness within a few seconds is what the two clocks differ by.
"""

from dataclasses import dataclass

from cctv.clips.packet_buffer import Packet
from cctv.common.timestamps import is_plausible

TICKS_PER_SECOND = 90_000
SEGMENT_SECONDS = 4.0
JUMP_SECONDS = 2.0
"""A timeline that is behind the arrivals by more than this has lost time: it continues at the arrival."""
_EARLY_SECONDS = 10.0
"""Cameras may first send the seconds that they have buffered: the timeline may be ahead of the clock by this."""
_WINDOW_SECONDS = 4.0
_MOST_STEERING = 0.01
_LONGEST_STEP_SECONDS = 5.0
_SHORTEST_STEP_SECONDS = 0.001
_SLACK_SECONDS = 0.2
"""A keyframe this much before the target length ends a segment: the next one might be far."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A packet's times in ticks since 1970, and whether time was lost before it."""

    dts: int
    pts: int
    is_after_jump: bool

    @property
    def seconds(self) -> float:
        """Return the decoding time in seconds since 1970."""
        return self.dts / TICKS_PER_SECOND


class Timeline:
    """The times of one connection. `wall_offset`: Unix time minus monotonic time; `not_before`: Unix time."""

    def __init__(self, wall_offset: float, not_before: float = 0.0) -> None:
        self._wall_offset, self._not_before = wall_offset, not_before
        self._former: Packet | None = None
        self._at = 0.0
        self._ticks = 0
        self._steering = 0.0
        self._window_began = 0.0
        self._advanced = 0.0
        """What the camera's timestamps have advanced since then."""
        self._uses_arrivals = False
        self._least_lateness = float("inf")

    def place(self, packet: Packet) -> Placed:
        """Return the packet's times."""
        arrived = packet.received_at + self._wall_offset
        is_after_jump = self._advance(packet, arrived)
        self._former = packet
        self._ticks = max(self._ticks + 1, round(self._at * TICKS_PER_SECOND))
        return Placed(self._ticks, self._ticks + _delay_ticks(packet), is_after_jump)

    def _advance(self, packet: Packet, arrived: float) -> bool:
        former = self._former
        if former is None:
            self._begin(max(arrived, self._not_before))
            return False
        step = _step(former, packet, uses_arrivals=self._uses_arrivals)
        self._advanced += step
        if self._at + step > arrived + _EARLY_SECONDS:
            step = _SHORTEST_STEP_SECONDS
        self._at += step * (1.0 + self._steering)
        if packet.received_at - former.received_at > _LONGEST_STEP_SECONDS and arrived - self._at > JUMP_SECONDS:
            self._begin(arrived)
            return True
        self._least_lateness = min(self._least_lateness, arrived - self._at)
        return arrived - self._window_began >= _WINDOW_SECONDS and self._end_window(arrived)

    def _end_window(self, arrived: float) -> bool:
        """Steer by what the last window has shown; return whether the timeline has jumped to the arrival."""
        lateness = self._least_lateness
        if not is_plausible(self._advanced, arrived - self._window_began):
            self._uses_arrivals = True
        if lateness > JUMP_SECONDS:
            self._begin(arrived)
            return True
        self._steering = max(-_MOST_STEERING, min(_MOST_STEERING, lateness / _WINDOW_SECONDS))
        self._window_began, self._advanced, self._least_lateness = arrived, 0.0, float("inf")
        return False

    def _begin(self, at: float) -> None:
        self._at = self._window_began = at
        self._steering, self._advanced, self._least_lateness = 0.0, 0.0, float("inf")


def _step(former: Packet, packet: Packet, *, uses_arrivals: bool) -> float:
    """Return the seconds between two packets."""
    if not uses_arrivals and former.dts is not None and packet.dts is not None:
        step = packet.dts - former.dts
        if 0.0 <= step < _LONGEST_STEP_SECONDS:
            return step
    return max(_SHORTEST_STEP_SECONDS, min(_LONGEST_STEP_SECONDS, packet.received_at - former.received_at))


def _delay_ticks(packet: Packet) -> int:
    """Return how much later than its decoding a frame is shown."""
    if packet.pts is None or packet.dts is None or not 0.0 <= packet.pts - packet.dts < 1.0:
        return 0
    return round((packet.pts - packet.dts) * TICKS_PER_SECOND)


class Cutter:
    """Decides for each packet whether it begins a segment, continues one, or belongs to none."""

    def __init__(self, segment_seconds: float = SEGMENT_SECONDS) -> None:
        self._segment_seconds = segment_seconds
        self._began: float | None = None
        self._headers = b""

    def begins(self, packet: Packet, placed: Placed) -> bool | None:
        """Return True: it begins a segment; False: it continues one; None: it is unusable without a keyframe."""
        if placed.is_after_jump:
            self._began = None
        if self._began is None and not packet.is_keyframe:
            return None
        is_full = self._began is None or placed.seconds - self._began >= self._segment_seconds - _SLACK_SECONDS
        if packet.is_keyframe and (is_full or packet.headers is not self._headers):
            self._began, self._headers = placed.seconds, packet.headers
            return True
        return False

    def reset(self) -> None:
        """Wait for the next keyframe, since the current segment has failed."""
        self._began = None
