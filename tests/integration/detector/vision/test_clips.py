"""Six people give six events and four cars four, at any sampling."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.integration.detector.clips import CARS, PERSONS, RememberingModel, frames_of, sampled

from cctv.common.events import Event
from cctv.common.frame import Frame
from cctv.vision.analyser import Analyser
from vigil_contracts.camera import CameraConfiguration
from vigil_contracts.names import AlertType

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

VISITS = ((6, 20), (23, 45), (50, 70), (75, 87), (92, 120), (124, 136))
Clip = Callable[[str], tuple[Path, RememberingModel]]
Camera = Callable[..., CameraConfiguration]


def analyse(analyser: Analyser, frames: Iterator[Frame]) -> list[Event]:
    return [event for frame in frames for event in analyser.process(frame)]


def assert_six_people(events: list[Event]) -> None:
    people = [event for event in events if event.alert_type == AlertType.PERSON]
    assert [event.alert_type for event in events] == [AlertType.PERSON] * 6, events
    for event, (begin, end) in zip(people, VISITS, strict=True):
        seconds = event.timestamp.minute * 60 + event.timestamp.second
        assert begin - 1 <= seconds <= min(begin + 4, end)
    assert len({event.event_id for event in events}) == len({event.track for event in events}) == 6


def test_six_people_each_with_their_image(clip: Clip, camera: Camera) -> None:
    path, model = clip(PERSONS)
    events = analyse(Analyser(camera(), model), sampled(path, 5))
    assert_six_people(events)
    for event in events:
        picture = cv2.imdecode(np.frombuffer(event.snapshot_jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        assert picture.shape == (432, 768, 3)
        assert event.box is not None
        assert (event.box.x_max - event.box.x_min) * (event.box.y_max - event.box.y_min) > 0.05
        left = round(event.box.x_min * 768)
        frame = next(one for one in frames_of(path) if one.received_at >= event.timestamp)
        edge = slice(round((event.box.y_min + 0.1) * 432), round((event.box.y_max - 0.1) * 432))
        drawn = cv2.absdiff(picture, frame.bgr())[edge, max(0, left - 1) : left + 2]
        assert drawn.mean() > 15, "the box is drawn where the person is"


@pytest.mark.parametrize(("frames_per_second", "first_seconds"), [(3, 0.1), (5, 0.1), (8, 0.3), (10, 0.0)])
def test_six_people_at_any_rate_and_phase(
    clip: Clip, camera: Camera, frames_per_second: float, first_seconds: float
) -> None:
    path, model = clip(PERSONS)
    analyser = Analyser(camera(frames_per_second=frames_per_second), model)
    assert_six_people(analyse(analyser, sampled(path, frames_per_second, first_seconds)))


@pytest.mark.parametrize("seed", range(2))
def test_six_people_with_jitter_and_lost_frames(clip: Clip, camera: Camera, seed: int) -> None:
    path, model = clip(PERSONS)
    chance = random.Random(seed)

    def troubled() -> Iterator[Frame]:
        for frame in sampled(path, 5, 0.1 * seed):
            if chance.random() > 0.15:
                yield frame

    assert_six_people(analyse(Analyser(camera(), model), troubled()))


@pytest.mark.parametrize("outage", [(30.0, 32.0), (56.0, 62.0), (95.0, 115.0)])
def test_six_people_despite_a_reconnection(clip: Clip, camera: Camera, outage: tuple[float, float]) -> None:
    path, model = clip(PERSONS)
    frames = (one for one in sampled(path, 5) if not outage[0] <= one.monotonic_seconds < outage[1])
    assert_six_people(analyse(Analyser(camera(), model), frames))


def test_six_people_despite_a_restart(clip: Clip, camera: Camera) -> None:
    path, model = clip(PERSONS)
    events: list[Event] = []
    analyser = Analyser(camera(), model)
    restarted = False
    for frame in sampled(path, 5):
        if not restarted and frame.monotonic_seconds > 33:
            state, restarted = analyser.state(), True
            analyser = Analyser(camera(), model)
            analyser.restore(state)
        if restarted and frame.monotonic_seconds < 38:
            continue
        events += analyser.process(frame)
    assert_six_people(events)


def test_four_cars_from_above(clip: Clip, camera: Camera) -> None:
    """COCO has few views from above, so the confidence is low: a lower minimum is needed."""
    path, model = clip(CARS)
    events = analyse(Analyser(camera(minimum_confidence=0.3), model), sampled(path, 5))
    assert [event.alert_type for event in events] == [AlertType.VEHICLE] * 4
    seconds = [event.timestamp.second for event in events]
    assert 4 <= seconds[0] <= 8
    assert all(14 <= one <= 18 for one in seconds[1:3])
    assert 25 <= seconds[3] <= 28
