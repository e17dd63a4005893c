"""Find when something moved in an area of a camera's frame, from the grids that are stored with the segments."""

from dataclasses import dataclass

from vigil_apps.recordings.core.activity import MotionPeriod, joined_motion
from vigil_apps.recordings.models import RecordedSegment
from vigil_contracts.recording import MAX_SEGMENT_SECONDS

MOST_FOUND = 2000


@dataclass(frozen=True, slots=True)
class MotionFound:
    """The result. `without_position`: segments with motion of which it is unknown where it was."""

    periods: list[MotionPeriod]
    has_all: bool
    without_position: int


def motion_search(*, camera_id: int, first_ms: int, last_ms: int, cells: int) -> MotionFound:
    """Return when something moved in one of the cells (`vigil_contracts.motion_grid`)."""
    segments = RecordedSegment.objects.filter(
        camera_id=camera_id,
        start_ms__gt=first_ms - MAX_SEGMENT_SECONDS * 1000,
        start_ms__lt=last_ms,
        motion__gt=0,
    ).order_by("start_ms")
    found: list[MotionPeriod] = []
    without_position = 0
    for start, duration, percent, grid in segments.values_list("start_ms", "duration_ms", "motion", "motion_cells"):
        if start + duration <= first_ms:
            continue
        if grid is None:
            without_position += 1
        elif int.from_bytes(grid, "big") & cells:
            found.append(MotionPeriod(max(start, first_ms), min(start + duration, last_ms), percent))
    periods = joined_motion(found)
    return MotionFound(periods[:MOST_FOUND], len(periods) <= MOST_FOUND, without_position)
