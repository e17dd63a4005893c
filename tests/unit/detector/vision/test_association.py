"""Assignment of boxes to tracks."""

import numpy as np
import pytest

from cctv.vision.association import ByteTrack

STRONG, WEAK = 0.9, 0.2
Box = tuple[float, float, float, float]


def walker(seconds: float, left: float = 0.1, speed: float = 0.1) -> Box:
    """A person who walks to the right."""
    x = left + speed * seconds
    return (x, 0.3, x + 0.08, 0.6)


def update(tracks: ByteTrack, seconds: float, *seen: tuple[Box, float]) -> dict[int, int]:
    boxes = np.array([box for box, _ in seen], np.float32).reshape(-1, 4)
    return dict(tracks.update(boxes, np.array([confidence for _, confidence in seen], np.float32), seconds))


@pytest.fixture
def tracks() -> ByteTrack:
    return ByteTrack(frames_per_second=5, strong_confidence=0.5, lost_after_seconds=5)


def test_second_detection_starts_a_track(tracks: ByteTrack) -> None:
    assert update(tracks, 0.0, (walker(0.0), STRONG)) == {}
    assert update(tracks, 0.2, (walker(0.2), STRONG)) == {0: 0}
    assert tracks.numbers == {0}


def test_weak_boxes_keep_a_track_and_start_none(tracks: ByteTrack) -> None:
    for step in range(20):
        seconds = step / 5
        found = update(tracks, seconds, (walker(seconds), STRONG if step < 4 else WEAK), ((0.7, 0.1, 0.8, 0.3), WEAK))
        assert found == ({0: 0} if step else {})


def test_occluded_walker_is_found_at_the_predicted_position(tracks: ByteTrack) -> None:
    """In 1.6 s the walker leaves the place where they were seen last by two box widths."""
    for step in range(10):
        update(tracks, step / 5, (walker(step / 5), STRONG))
    for step in range(10, 18):
        assert update(tracks, step / 5) == {}
    assert update(tracks, 3.6, (walker(3.6), STRONG)) == {0: 0}


@pytest.mark.parametrize("frames_per_second", [2, 5, 25])
def test_passing_people_keep_their_identities(frames_per_second: int) -> None:
    tracks = ByteTrack(frames_per_second, 0.5, 5)
    first = second = None
    for step in range(6 * frames_per_second):
        seconds = step / frames_per_second
        there, back = walker(seconds), walker(seconds, left=0.8, speed=-0.11)
        found = update(tracks, seconds, (there, STRONG), ((back[0], 0.38, back[2], 0.7), STRONG))
        if step == 1:
            first, second = found[0], found[1]
    assert (found[0], found[1]) == (first, second)


def test_time_jumps_affect_only_the_gap(tracks: ByteTrack) -> None:
    for seconds in (0.0, 0.2, 0.3, 0.9, 1.0, 2.2):
        found = update(tracks, seconds, (walker(seconds), STRONG))
    assert found == {0: 0}


def test_lost_tracks_expire(tracks: ByteTrack) -> None:
    for step in range(5):
        update(tracks, step / 5, (walker(0.0), STRONG))
    update(tracks, 5.7)
    assert tracks.numbers == {0}
    update(tracks, 5.9)
    assert tracks.numbers == set()
    assert update(tracks, 6.1, (walker(0.0), STRONG)) == {}, "a new person has a new track"


def test_single_detection_leaves_no_track(tracks: ByteTrack) -> None:
    update(tracks, 0.0, (walker(0.0), STRONG))
    update(tracks, 0.2)
    update(tracks, 0.4)
    assert update(tracks, 0.6, (walker(0.6), STRONG)) == {}


def test_many_objects_keep_their_tracks(tracks: ByteTrack) -> None:
    places = [(0.1 * column, 0.12 * row) for column in range(8) for row in range(6)]
    order = np.random.default_rng(1)
    owners: dict[int, int] = {}
    for step in range(6):
        shuffled = order.permutation(len(places))
        seen = [((x := places[one][0] + 0.01 * step), (y := places[one][1]), x + 0.08, y + 0.1) for one in shuffled]
        found = update(tracks, step / 5, *((box, STRONG) for box in seen))
        for row, number in found.items():
            assert owners.setdefault(int(shuffled[row]), number) == number
    assert len(set(owners.values())) == len(places)
