"""The analysis of a large frame by regions: far people are found, others are neither lost nor reported twice."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from cctv.common.events import Event
from cctv.common.frame import WHOLE
from cctv.vision import regions
from cctv.vision.analyser import Analyser

Corners = tuple[float, float, float, float]
SIZE = (320, 180)
"""Large for the scripted model, whose input has 64 pixels. Small frames keep the tests fast."""


def walker(seconds: float) -> Corners:
    """A far person who walks to and fro on the left."""
    left = 0.1 + 0.1 * abs((seconds * 0.1) % 2 - 1)
    return (left, 0.4, left + 0.03, 0.52)


STANDING, NEAR = (0.7, 0.4, 0.73, 0.52), (0.55, 0.05, 0.85, 0.95)


@pytest.fixture(autouse=True)
def _small_frames_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regions, "WHOLE_FRAME_PX", 0)


@pytest.fixture
def watch(make_frame: Any, make_camera: Any, scripted_model: Any) -> Callable[..., tuple[list[Event], Any]]:
    """Analyse pictures of dark people on grey; return the events and the model."""

    def run(
        people: Callable[[float], Sequence[Corners]], end: float, moving: Callable[[float], Sequence[Corners]]
    ) -> tuple[list[Event], Any]:
        model = scripted_model(lambda seconds: [("person", 0.9, box) for box in people(seconds)])
        analyser = Analyser(make_camera(), model)
        events: list[Event] = []
        for seconds in np.arange(0.0, end, 0.2):
            picture = np.full((SIZE[1], SIZE[0], 3), 150, np.uint8)
            for box in moving(seconds):
                left, top, right, bottom = (round(edge * side) for edge, side in zip(box, SIZE * 2, strict=True))
                picture[top:bottom, left:right] = 40
            events += analyser.process(make_frame(float(seconds), picture))
        return events, model

    return run


def test_a_far_person_is_analysed_in_detail(watch: Any) -> None:
    def people(seconds: float) -> list[Corners]:
        return [walker(seconds)] if seconds >= 1 else []

    events, model = watch(people, 8.0, people)
    assert len(events) == 1
    assert events[0].box is not None
    assert events[0].box.y_max == pytest.approx(0.52, abs=0.01)
    assert 2 / 3 < sum(region.width < 0.35 for region in model.regions) / len(model.regions) < 1


def test_a_person_at_rest_is_in_view_while_another_one_walks(watch: Any) -> None:
    def people(seconds: float) -> list[Corners]:
        return [STANDING, *([walker(seconds)] if seconds >= 5 else [])]

    events, model = watch(people, 100.0, people)
    assert len(events) == 2, "the one at rest is reported once, though most regions do not show them"
    shown = sum(region.x_max > 0.75 for region in model.regions)
    assert shown < 0.3 * len(model.regions)


def test_a_near_person_of_whom_only_a_hand_moves_is_found(watch: Any) -> None:
    """The region around the hand cuts the person off; a larger one shows them whole."""

    def hand(seconds: float) -> list[Corners]:
        return [(0.6, 0.3 + 0.05 * (round(seconds * 5) % 2), 0.64, 0.45)] if seconds >= 2 else []

    def people(seconds: float) -> list[Corners]:
        return [NEAR] if seconds >= 1 else []  # nothing moves when they come, so that they are not known yet

    events, model = watch(people, 6.0, hand)
    assert len(events) == 1
    assert events[0].box is not None
    assert events[0].box.x_min == pytest.approx(NEAR[0], abs=0.01)
    assert WHOLE in model.regions[1:]


def test_a_new_light_is_analysed_whole(watch: Any) -> None:
    _, model = watch(lambda _: [], 4.0, lambda seconds: [WHOLE] if seconds > 2 else [])
    assert set(model.regions) == {WHOLE}
