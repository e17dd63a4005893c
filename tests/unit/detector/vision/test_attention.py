"""The model runs when something may have changed, and rests otherwise."""

import numpy as np
import pytest

from cctv.vision.analyser import Analyser
from cctv.vision.motion import MotionGate
from cctv.vision.observations import Observation
from cctv.vision.tracking import ObjectTracker
from vigil_contracts.geometry import Box

HERE = (0.3, 0.2, 0.5, 0.8)


def scene(*boxes: tuple[float, float, float, float], light: int = 0, noise: int = 0) -> np.ndarray:
    """A luma plane, 320×180, with dark things in it; `noise` seeds the sensor's grain."""
    picture = np.random.default_rng(noise).normal(150 + light, 3, (180, 320))
    for x_min, y_min, x_max, y_max in boxes:
        picture[int(y_min * 180) : int(y_max * 180), int(x_min * 320) : int(x_max * 320)] -= 80
    return picture.clip(0, 255).astype(np.uint8)


def test_first_frame_is_new_and_noise_is_not_motion() -> None:
    gate = MotionGate()
    assert gate.compare(scene()).is_new
    gate.set_reference()
    assert not any(gate.compare(scene(noise=seed)) for seed in range(1, 30))


def test_motion_covers_old_and_new_positions() -> None:
    gate = MotionGate()
    gate.compare(scene())
    gate.set_reference()
    (place,) = gate.compare(scene(HERE)).places
    np.testing.assert_allclose(place, HERE, atol=0.06)
    gate.set_reference()
    assert not gate.compare(scene(HERE, noise=1)), "what the model has seen is no news"
    assert gate.compare(scene()), "but its going is"
    gate.set_reference()
    assert not gate.compare(scene(noise=1)), "and leaves no ghost"


def test_slow_changes_add_up() -> None:
    gate = MotionGate()
    gate.compare(scene())
    gate.set_reference()
    brightening = [bool(gate.compare(scene(light=level))) for level in range(0, 60, 2)]
    assert not any(brightening[:5])
    assert brightening[-1]


def test_only_the_analysed_region_becomes_the_reference() -> None:
    gate = MotionGate()
    gate.compare(scene())
    gate.set_reference()
    gate.compare(scene((0.1, 0.2, 0.2, 0.6), (0.7, 0.2, 0.8, 0.6)))
    gate.set_reference([Box(0.0, 0.0, 0.5, 1.0)])
    (place,) = gate.compare(scene((0.1, 0.2, 0.2, 0.6), (0.7, 0.2, 0.8, 0.6), noise=1)).places
    assert place.x_min > 0.6


@pytest.mark.parametrize("height", [1080, 2160])
def test_a_far_person_is_motion_in_a_large_frame(height: int) -> None:
    """60 pixels high and 20 wide in 1080p, and as large a part of a 4K frame; noise is no motion."""
    factor, width = height // 1080, height * 16 // 9
    empty = np.random.default_rng(1).normal(150, 4, (height, width)).clip(0, 255).astype(np.uint8)
    gate = MotionGate()
    gate.compare(empty)
    gate.set_reference()
    assert not gate.compare(np.roll(empty, 7, axis=1))
    person = np.roll(empty, 7, axis=1)
    person[500 * factor : 560 * factor, 800 * factor : 820 * factor] -= 60
    (place,) = gate.compare(person).places
    assert place.x_min < 810 / 1920 < place.x_max
    assert place.y_min < 530 / 1080 < place.y_max


def test_masked_motion_does_not_count() -> None:
    tree = ((0.2, 0.1), (0.6, 0.1), (0.6, 0.9), (0.2, 0.9))
    gate = MotionGate([tree])
    gate.compare(scene())
    gate.set_reference()
    assert not gate.compare(scene(HERE))
    assert gate.compare(scene((0.8, 0.2, 0.9, 0.8)))


PENTAGRAM = tuple((0.5 + 0.4 * np.sin(turn), 0.5 - 0.4 * np.cos(turn)) for turn in 4 * np.pi * np.arange(5) / 5)
LEFT_PART = ((0.1, 0.1), (0.7, 0.1), (0.7, 0.9), (0.1, 0.9))
RIGHT_PART = ((0.3, 0.1), (0.9, 0.1), (0.9, 0.9), (0.3, 0.9))


@pytest.mark.parametrize("masks", [[PENTAGRAM], [LEFT_PART, RIGHT_PART]], ids=["crosses itself", "overlap"])
def test_overlapping_masks_are_masked(masks: list[tuple[tuple[float, float], ...]]) -> None:
    gate = MotionGate(masks)
    gate.compare(scene())
    gate.set_reference()
    assert not gate.compare(scene((0.45, 0.42, 0.55, 0.58)))
    assert gate.compare(scene((0.93, 0.2, 0.99, 0.8)))


def test_changed_frame_size_resets_the_gate() -> None:
    gate = MotionGate()
    gate.compare(scene())
    gate.set_reference()
    assert gate.compare(np.zeros((360, 640), np.uint8)).is_new


@pytest.fixture
def looks(make_frame, make_camera, scripted_model):  # type: ignore[no-untyped-def]
    """Runs frames and a model that sees what is in them; returns the looks in each second and the events."""

    def run(boxes_at, end, frames_per_second=5.0, **detection):  # type: ignore[no-untyped-def]
        model = scripted_model(lambda t: [("person", 0.9, box) for box in boxes_at(t)])
        analyser = Analyser(make_camera(frames_per_second=frames_per_second, **detection), model)
        counts, events = [0] * int(np.ceil(end)), []
        for number in range(round(end * frames_per_second)):
            seconds = number / frames_per_second
            picture = np.repeat(scene(*boxes_at(seconds), noise=number)[:, :, None], 3, axis=2)
            asked = model.asked
            events += analyser.process(make_frame(seconds, picture))
            counts[int(seconds)] += model.asked - asked
        return counts, events

    return run


def test_static_empty_scene_needs_few_inferences(looks) -> None:  # type: ignore[no-untyped-def]
    counts, _ = looks(lambda t: [], 50)
    assert sum(counts) <= 5


def test_standing_person_is_rarely_analysed_and_reported_once(looks) -> None:  # type: ignore[no-untyped-def]
    counts, events = looks(lambda t: [HERE] if t >= 5 else [], 60)
    assert len(events) == 1
    assert counts[5] >= 4
    assert sum(counts[10:]) <= 8


def test_person_present_from_the_start_is_detected(looks) -> None:  # type: ignore[no-untyped-def]
    _, events = looks(lambda t: [HERE], 5)
    assert len(events) == 1


def walking(t):  # type: ignore[no-untyped-def]
    x = 0.05 + t * 0.05
    return [(x, 0.2, x + 0.15, 0.8)]


def test_line_crossing_object_is_analysed_in_every_frame(looks) -> None:  # type: ignore[no-untyped-def]
    line = {"name": "gate", "type": "line_crossing", "line": [[0.5, 0], [0.5, 1]]}
    counts, events = looks(walking, 14, rules=[line])
    assert min(counts[1:]) == 5
    assert len(events) == 1


@pytest.mark.parametrize("frames_per_second", [5.0, 10.0])
def test_known_walking_object_needs_half_the_inferences(looks, frames_per_second: float) -> None:  # type: ignore[no-untyped-def]
    counts, events = looks(walking, 14, frames_per_second)
    assert counts[0] >= 0.5 * frames_per_second + 1, "every frame until they are known"
    assert all(2 <= count <= frames_per_second / 2 + 0.5 for count in counts[2:]), counts
    assert len(events) == 1


def running(t):  # type: ignore[no-untyped-def]
    x = 0.02 + t * 0.25
    return [(x, 0.2, x + 0.12, 0.8)]


@pytest.mark.parametrize("frames_per_second", [10.0, 15.0])
def test_known_fast_object_is_analysed_in_every_second_frame(looks, frames_per_second: float) -> None:  # type: ignore[no-untyped-def]
    counts, events = looks(running, 3, frames_per_second)
    assert all(0.4 * frames_per_second <= count <= frames_per_second / 2 + 1 for count in counts[1:]), counts
    assert len(events) == 1


def fidgeting(t):  # type: ignore[no-untyped-def]
    """A person at rest whose arm moves in every frame."""
    return [(0.3, 0.2, 0.5, 0.8)], [(0.5, 0.4, 0.53, 0.4 + 0.1 * (1 + round(t * 5) % 3))]


@pytest.fixture
def fidgeting_looks(make_frame, make_camera, scripted_model):  # type: ignore[no-untyped-def]
    """Returns the intervals between the inferences while a person fidgets for a minute, after the first second."""

    def run(**detection):  # type: ignore[no-untyped-def]
        model = scripted_model(lambda t: [("person", 0.9, HERE)])
        analyser, times = Analyser(make_camera(frames_per_second=5.0, **detection), model), []
        for number in range(300):
            seconds, asked = number / 5, model.asked
            body, arm = fidgeting(seconds)  # type: ignore[no-untyped-call]
            picture = np.repeat(scene(*body, *arm, noise=number)[:, :, None], 3, axis=2)
            analyser.process(make_frame(seconds, picture))
            times += [seconds] if model.asked > asked else []
        return np.diff(times[max(number for number, seconds in enumerate(times) if seconds < 1) :])

    return run


def test_known_object_that_stays_is_analysed_less_and_less(fidgeting_looks) -> None:  # type: ignore[no-untyped-def]
    intervals = fidgeting_looks()
    assert intervals[0] < 2.3
    np.testing.assert_allclose(intervals[-3:], 5.0, atol=0.3)


def test_exact_rule_keeps_the_interval_short(fidgeting_looks) -> None:  # type: ignore[no-untyped-def]
    line = {"name": "gate", "type": "line_crossing", "line": [[0.8, 0], [0.8, 1]]}
    assert fidgeting_looks(rules=[line]).max() < 2.3


def test_object_that_the_camera_does_not_detect_is_soon_left_alone(make_frame, make_camera, scripted_model) -> None:  # type: ignore[no-untyped-def]
    """A dog on a camera for people: a bench or a parked car must not keep the model busy, nor all frames decoded."""
    there = (0.6, 0.3, 0.8, 0.8)
    model = scripted_model(lambda _: [("person", 0.9, HERE), ("dog", 0.9, there)])
    analyser = Analyser(make_camera(frames_per_second=5.0, classes=("person",)), model)
    asked = {}
    for number in range(36 * 5):
        picture = np.repeat(scene(HERE, there, noise=number)[:, :, None], 3, axis=2)
        analyser.process(make_frame(number / 5, picture))
        asked[number / 5] = model.asked
    assert asked[9.0] <= 8
    assert asked[35.0] <= asked[9.0] + 3
    assert analyser.is_calm


def test_second_object_is_detected_while_another_walks(looks) -> None:  # type: ignore[no-untyped-def]
    def two(t):  # type: ignore[no-untyped-def]
        return [*walking(t), *([(0.8, 0.1, 0.95, 0.7)] if t >= 6 else [])]  # type: ignore[no-untyped-call]

    counts, events = looks(two, 9)
    assert len(events) == 2
    assert counts[6] >= 4


def test_second_object_is_detected_beside_a_standing_one(looks) -> None:  # type: ignore[no-untyped-def]
    counts, events = looks(lambda t: [HERE, (0.7, 0.2, 0.85, 0.8)] if t >= 20 else [HERE], 25)
    assert len(events) == 2
    assert counts[20] >= 4


@pytest.mark.parametrize("frames_per_second", [2.0, 5.0, 15.0])
def test_new_settings_analyse_standing_objects_again(  # type: ignore[no-untyped-def]
    make_frame, make_camera, scripted_model, frames_per_second: float
) -> None:
    """A person whom nobody had asked for, in a frame in which nothing moves."""
    model = scripted_model(lambda _: [("person", 0.9, HERE)])
    analyser = Analyser(make_camera(frames_per_second=frames_per_second, classes=("vehicle",)), model)
    picture = np.repeat(scene(HERE)[:, :, None], 3, axis=2)
    times = np.arange(0, 40, 1 / frames_per_second)
    assert [event for t in times for event in analyser.process(make_frame(float(t), picture))] == []
    asked = model.asked

    analyser.reconfigure(make_camera(frames_per_second=frames_per_second, classes=("person",)))
    times = np.arange(40, 43, 1 / frames_per_second)
    assert len([event for t in times for event in analyser.process(make_frame(float(t), picture))]) == 1
    assert model.asked - asked < 3 * frames_per_second, "and then it is left alone"


def test_left_object_is_not_shown_in_a_static_scene(make_frame, make_camera, scripted_model) -> None:  # type: ignore[no-untyped-def]
    """The frame without them is the one that was looked at last: nothing of the former is carried on."""
    model = scripted_model(lambda t: [("person", 0.9, HERE)] if t < 5 else [])
    analyser = Analyser(make_camera(frames_per_second=5.0), model)
    shown = {}
    for number in range(100):
        seconds = number / 5
        picture = np.repeat(scene(*([HERE] if seconds < 5 else []), noise=number)[:, :, None], 3, axis=2)
        analyser.process(make_frame(seconds, picture))
        shown[seconds] = analyser.in_view(seconds)
    assert shown[4.8]
    assert not any(boxes for seconds, boxes in shown.items() if seconds > 6.2)


def test_stopped_object_stays_in_view() -> None:
    """The tracker foretells that who walked goes on; a still frame says that they do not."""
    tracker = ObjectTracker(5.0, 0.25)
    for number in range(8):
        box = Box(0.1 + 0.04 * number, 0.4, 0.15 + 0.04 * number, 0.6)
        tracker.update([Observation(box, 0.9, "person", {}, 1)], number / 5)
    for number in range(8, 20):
        tracker.carry(number / 5)
        assert [thing.last.box for thing in tracker.in_view(number / 5)] == [box]


@pytest.fixture
def calm(make_frame, make_camera, scripted_model):  # type: ignore[no-untyped-def]
    """Return a function that tells for each second of a scene whether it was calm at its end."""

    def run(boxes_at, end):  # type: ignore[no-untyped-def]
        model = scripted_model(lambda t: [("person", 0.9, box) for box in boxes_at(t)])
        analyser, found = Analyser(make_camera(frames_per_second=5.0), model), []
        for number in range(end * 5):
            picture = np.repeat(scene(*boxes_at(number / 5), noise=number)[:, :, None], 3, axis=2)
            analyser.process(make_frame(number / 5, picture))
            if number % 5 == 4:
                found.append(analyser.is_calm)
        return found

    return run


def test_scene_is_calm_ten_seconds_after_the_last_motion(calm) -> None:  # type: ignore[no-untyped-def]
    assert calm(lambda t: [], 12) == [False] * 10 + [True] * 2


def test_known_object_must_not_have_moved_for_half_a_minute(calm) -> None:  # type: ignore[no-untyped-def]
    found = calm(lambda t: [HERE], 36)
    assert not any(found[:29])
    assert found[-1]


def test_motion_ends_the_calm_at_once(calm) -> None:  # type: ignore[no-untyped-def]
    assert calm(lambda t: [HERE] if t >= 15 else [], 16)[-2:] == [True, False]


def test_person_is_detected_within_a_large_box_of_another_class(make_frame, make_camera, scripted_model) -> None:  # type: ignore[no-untyped-def]
    """From above, models take the whole scene for a dining table."""

    def seen(t):  # type: ignore[no-untyped-def]
        return [("dog", 0.6, (0.0, 0.0, 1.0, 1.0)), *([("person", 0.9, HERE)] if t >= 2.2 else [])]

    analyser = Analyser(make_camera(frames_per_second=5.0, classes=("person",)), scripted_model(seen))
    events = []
    for number in range(4 * 5):
        picture = np.repeat(scene(*([HERE] if number / 5 >= 2.2 else []), noise=number)[:, :, None], 3, axis=2)
        events += [number / 5 for _ in analyser.process(make_frame(number / 5, picture))]
    assert len(events) == 1
    assert events[0] < 3.2


def test_inference_continues_after_motion_in_which_nothing_was_found(make_frame, make_camera, scripted_model) -> None:  # type: ignore[no-untyped-def]
    """A person comes and stands still, but the model misses them at first."""
    model = scripted_model(lambda _: [])
    analyser, times = Analyser(make_camera(frames_per_second=10.0), model), []
    for number in range(70):
        picture = np.repeat(scene(*([HERE] if number >= 50 else []), noise=number)[:, :, None], 3, axis=2)
        asked = model.asked
        analyser.process(make_frame(number / 10, picture))
        times += [number / 10] if model.asked > asked else []
    assert [seconds for seconds in times if seconds >= 5][:4] == [5.0, 5.1, 5.2, 5.3]
