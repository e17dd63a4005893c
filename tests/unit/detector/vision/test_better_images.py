"""An alert is sent at once; its image is replaced when a better one exists."""

import cv2
import numpy as np
import pytest

from cctv.vision.analyser import Analyser
from cctv.vision.better_images import MAX_CANDIDATES, PAUSE_SECONDS, BetterImages
from cctv.vision.observations import Observation
from cctv.vision.snapshot import ObjectImage
from vigil_contracts.geometry import Box

RATE = 5.0


class Walk:
    """An approaching person: a growing box in a frame with texture."""

    def __init__(self, make_frame, make_camera, scripted_model, size_at) -> None:  # type: ignore[no-untyped-def]
        self.size_at, self.make_frame = size_at, make_frame
        self.analyser = Analyser(make_camera(frames_per_second=RATE), scripted_model(self._see))
        self.events, self.better = [], []  # type: ignore[var-annotated]

    def _see(self, seconds: float):  # type: ignore[no-untyped-def]
        sizes = self.size_at(seconds)
        return [
            ("person", 0.9, (0.5 * n + 0.25 - size / 4, 0.9 - size, 0.5 * n + 0.25 + size / 4, 0.9))
            for n, size in enumerate(sizes)
            if size
        ]

    def run(self, begin: float, end: float) -> None:
        for seconds in np.arange(begin, end, 1 / RATE):
            picture = np.random.default_rng(int(seconds * 10)).integers(0, 255, (180, 320, 3), dtype=np.uint8)
            frame = self.make_frame(float(seconds), picture)
            self.events += self.analyser.process(frame)
            self.better += [(float(seconds), one) for one in self.analyser.better_images()]


@pytest.fixture
def walk(make_frame, make_camera, scripted_model):  # type: ignore[no-untyped-def]
    return lambda size_at: Walk(make_frame, make_camera, scripted_model, size_at)


def test_closer_view_replaces_the_image_at_the_end(walk) -> None:  # type: ignore[no-untyped-def]
    come = walk(lambda t: [min(0.2 + 0.08 * t, 0.8)] if t < 8 else [])
    come.run(0, 20)
    (event,) = come.events
    ((seconds, better),) = come.better
    assert seconds >= 8, "it was gone by then"
    assert better.event_id == event.event_id
    assert better.box.y_max - better.box.y_min > 0.7 > event.box.y_max - event.box.y_min
    shown = cv2.imdecode(np.frombuffer(better.snapshot_jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    assert shown.shape == (180, 320, 3)
    assert better.to_submission(7).model_dump()["event_id"] == event.event_id


def test_better_images_are_limited_in_rate(walk) -> None:  # type: ignore[no-untyped-def]
    stay = walk(lambda t: [min(0.2 + 0.02 * t, 0.8)])
    stay.run(0, 40)
    times = [seconds for seconds, _ in stay.better]
    assert len(stay.events) == 1
    assert 2 <= len(times) <= 4
    assert np.diff(times).min() >= PAUSE_SECONDS - 1 / RATE
    sizes = [better.box.y_max - better.box.y_min for _, better in stay.better]
    assert sizes == sorted(sizes)


def test_worse_image_does_not_replace(walk) -> None:  # type: ignore[no-untyped-def]
    leave = walk(lambda t: [max(0.8 - 0.08 * t, 0.2)] if t < 8 else [])
    leave.run(0, 20)
    assert len(leave.events) == 1
    assert leave.better == []


def test_each_object_has_its_own_best_image(walk) -> None:  # type: ignore[no-untyped-def]
    two = walk(lambda t: [0.2 + 0.05 * t, 0.7])
    two.run(0, 6)
    assert len(two.events) == 2
    assert two.better == []
    (better,) = two.analyser.better_images(is_last=True)
    nearer = min(two.events, key=lambda event: event.box.x_min)
    assert better.event_id == nearer.event_id
    assert two.analyser.better_images(is_last=True) == []


def test_number_of_kept_images_is_bounded(make_frame) -> None:  # type: ignore[no-untyped-def]
    images = BetterImages()
    seen = Observation(Box(0.1, 0.1, 0.9, 0.9), 0.9, "person", {})
    for number in range(3 * MAX_CANDIDATES):
        images.begin(f"event-{number}", f"track-{number}", "person", ObjectImage(make_frame(), seen, 1e-9), 0.0)
        images.consider(f"track-{number}", make_frame(float(number)), seen)
    assert [better.event_id for better in images.take()] == [f"event-{n}" for n in range(2 * MAX_CANDIDATES)]
