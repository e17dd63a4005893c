"""Timed waypoints, and the course that a person or vehicle takes between them."""

import bisect
import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Waypoint:
    """The position (x, z) in m at `seconds`."""

    seconds: float
    x: float
    z: float


@dataclass(frozen=True)
class Whereabouts:
    """Position, heading and travelled distance at a time."""

    x: float
    z: float
    heading_rad: float
    travelled_m: float
    speed_m_s: float


class Course:
    """A path through waypoints; it is empty before the first and after the last one.

    People walk straight from point to point; with `smooth`, the course is a Catmull-Rom spline, for vehicles.
    """

    def __init__(self, waypoints: tuple[Waypoint, ...], *, smooth: bool = False) -> None:
        if len(waypoints) < 2:
            raise ValueError("a course needs at least two way-points")
        self._points, self._smooth = waypoints, smooth
        self._times = [point.seconds for point in waypoints]
        if self._times != sorted(set(self._times)):
            raise ValueError("the times of way-points must rise")

    @property
    def begin_seconds(self) -> float:
        """When it starts."""
        return self._times[0]

    @property
    def end_seconds(self) -> float:
        """When it is over."""
        return self._times[-1]

    def at(self, seconds: float) -> Whereabouts | None:
        """Return the position; None before the start and after the end."""
        if not self.begin_seconds <= seconds <= self.end_seconds:
            return None
        x, z = self._position(seconds)
        before, after = max(self.begin_seconds, seconds - 0.05), min(self.end_seconds, seconds + 0.05)
        (x1, z1), (x2, z2) = self._position(before), self._position(after)
        speed = math.hypot(x2 - x1, z2 - z1) / (after - before)
        return Whereabouts(x, z, self._heading(seconds), self._travelled(seconds), speed)

    def _position(self, seconds: float) -> tuple[float, float]:
        points, number = self._points, self._segment(seconds)
        a, b = points[number], points[number + 1]
        share = (seconds - a.seconds) / (b.seconds - a.seconds)
        if not self._smooth:
            return a.x + (b.x - a.x) * share, a.z + (b.z - a.z) * share
        before, after = points[max(number - 1, 0)], points[min(number + 2, len(points) - 1)]
        span = b.seconds - a.seconds
        slope_a = _slope(before, a, b)
        slope_b = _slope(a, b, after)
        return (
            _hermite(a.x, b.x, slope_a[0] * span, slope_b[0] * span, share),
            _hermite(a.z, b.z, slope_a[1] * span, slope_b[1] * span, share),
        )

    def _segment(self, seconds: float) -> int:
        return min(max(bisect.bisect_right(self._times, seconds) - 1, 0), len(self._points) - 2)

    def _heading(self, seconds: float) -> float:
        """Return the direction of movement; while standing, the last one."""
        moment = seconds
        while moment > self.begin_seconds:
            earlier = max(self.begin_seconds, moment - 0.1)
            (x1, z1), (x2, z2) = self._position(earlier), self._position(moment)
            if math.hypot(x2 - x1, z2 - z1) > 0.004:
                return math.atan2(z2 - z1, x2 - x1)
            moment = earlier
        (x1, z1), (x2, z2) = self._position(self.begin_seconds), self._position(self.begin_seconds + 0.1)
        return math.atan2(z2 - z1, x2 - x1)

    def _travelled(self, seconds: float) -> float:
        step, total, moment = 0.1, 0.0, self.begin_seconds
        while moment < seconds:
            following = min(moment + step, seconds)
            (x1, z1), (x2, z2) = self._position(moment), self._position(following)
            total += math.hypot(x2 - x1, z2 - z1)
            moment = following
        return total


def _slope(before: Waypoint, here: Waypoint, after: Waypoint) -> tuple[float, float]:
    """Return the speed at a waypoint in m/s; zero next to a pause."""
    still = (before.x, before.z) == (here.x, here.z) or (here.x, here.z) == (after.x, after.z)
    if still and before is not here and here is not after:
        return 0.0, 0.0
    span = after.seconds - before.seconds
    return (after.x - before.x) / span, (after.z - before.z) / span


def _hermite(a: float, b: float, slope_a: float, slope_b: float, share: float) -> float:
    s2, s3 = share * share, share * share * share
    return (2 * s3 - 3 * s2 + 1) * a + (s3 - 2 * s2 + share) * slope_a + (3 * s2 - 2 * s3) * b + (s3 - s2) * slope_b
