"""Recognition of objects that were seen before."""

from datetime import UTC, datetime, timedelta

from cctv.vision.memory import Memory
from cctv.vision.observations import Observation
from cctv.vision.tracking import TrackedObject
from vigil_contracts.geometry import Box
from vigil_contracts.names import AlertType

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def walker(x: float) -> Box:
    """A person centred at `x`, clipped by the edges of the frame."""
    return Box(max(0.0, x - 0.04), 0.5, min(1.0, x + 0.04), 0.8)


def thing(name: str, first: Box, last: Box, seconds: tuple[float, float]) -> TrackedObject:
    return TrackedObject(name, *seconds, Observation(first, 0.9, "x", {}), Observation(last, 0.9, "x", {}))


def still(name: str, box: Box, seconds: tuple[float, float]) -> TrackedObject:
    return thing(name, box, box, seconds)


def walked(memory: Memory, name: str, x: float, speed: float, begin: float, end: float) -> None:
    """A confirmed person walks from `x` at five frames a second; then frames without the person follow."""
    seen = thing(name, walker(x), walker(x), (begin, begin))
    memory.admit(seen, AlertType.PERSON, at(begin))
    memory.record_report(name, "people")
    for number in range(1, round((end - begin) * 5) + 1):
        seen = thing(name, walker(x), walker(x + speed * number / 5), (begin, begin + number / 5))
        memory.see([seen], at(begin + number / 5))


def nobody(memory: Memory, begin: float, end: float) -> None:
    for number in range(1, round((end - begin) * 5) + 1):
        memory.see([], at(begin + number / 5))


def test_person_entering_where_one_left_is_new() -> None:
    memory = Memory()
    walked(memory, "one", 0.6, 0.1, 0.0, 4.0)
    nobody(memory, 4.0, 6.0)
    other = thing("two", walker(0.99), walker(0.94), (5.4, 6.0))
    assert not memory.recognise(other, AlertType.PERSON, {"two"}, at(6.0))


def test_object_lost_briefly_at_the_edge_is_known() -> None:
    memory = Memory()
    walked(memory, "one", 0.6, 0.09, 0.0, 4.0)
    nobody(memory, 4.0, 4.8)
    again = thing("two", walker(0.98), walker(0.99), (4.6, 5.0))
    assert memory.recognise(again, AlertType.PERSON, {"two"}, at(5.0))


def test_standing_object_at_the_edge_is_known_later() -> None:
    memory = Memory()
    walked(memory, "one", 0.97, 0.0, 0.0, 8.0)
    nobody(memory, 8.0, 12.0)
    again = thing("two", walker(0.97), walker(0.97), (12.0, 12.4))
    assert memory.recognise(again, AlertType.PERSON, {"two"}, at(12.4))


def test_walking_object_is_known_at_its_predicted_place() -> None:
    memory = Memory()
    walked(memory, "one", 0.1, 0.1, 0.0, 2.0)
    nobody(memory, 2.0, 3.6)
    again = thing("two", walker(0.42), walker(0.46), (3.2, 3.6))
    assert memory.recognise(again, AlertType.PERSON, {"two"}, at(3.6))
    assert again.name == "one"


def test_object_at_an_unreachable_place_is_new() -> None:
    for x in (0.7, 0.1):
        memory = Memory()
        walked(memory, "one", 0.1, 0.1, 0.0, 2.0)
        nobody(memory, 2.0, 3.6)
        other = thing("two", walker(x), walker(x), (3.2, 3.6))
        assert not memory.recognise(other, AlertType.PERSON, {"two"}, at(3.6))


def test_turning_person_is_recognised_within_one_step() -> None:
    for step, is_known in ((0.08, True), (0.2, False)):
        memory = Memory()
        walked(memory, "one", 0.5, 0.0, 0.0, 2.0)
        nobody(memory, 2.0, 3.0)
        again = thing("two", walker(0.5 - step), walker(0.5 - 2 * step), (2.4, 3.0))
        assert memory.recognise(again, AlertType.PERSON, {"two"}, at(3.0)) == is_known


def test_flames_near_a_fire_belong_to_it() -> None:
    memory = Memory()
    fire = still("one", Box(0.5, 0.3, 0.6, 0.6), (0.0, 1.0))
    memory.admit(fire, AlertType.FIRE, at(1.0))
    memory.record_report("one", "fire")
    flames = still("two", Box(0.52, 0.45, 0.62, 0.65), (1.0, 2.0))
    memory.see([fire, flames], at(2.0))
    assert not memory.recognise(flames, AlertType.FIRE, {"one", "two"}, at(2.0)), "two boxes in one picture"
    memory.admit(flames, AlertType.FIRE, at(2.0))
    assert memory.has_reported("two", "fire")

    elsewhere = still("three", Box(0.1, 0.3, 0.2, 0.6), (2.0, 3.0))
    memory.admit(elsewhere, AlertType.FIRE, at(3.0))
    assert not memory.has_reported("three", "fire")
    smoke = still("four", Box(0.5, 0.1, 0.6, 0.6), (2.0, 3.0))
    memory.admit(smoke, AlertType.SMOKE, at(3.0))
    assert not memory.has_reported("four", "fire"), "smoke is told of beside the fire"


def test_two_people_close_together_are_two() -> None:
    memory = Memory()
    walked(memory, "one", 0.5, 0.0, 0.0, 2.0)
    beside = thing("two", walker(0.51), walker(0.51), (1.6, 2.0))
    assert not memory.recognise(beside, AlertType.PERSON, {"one", "two"}, at(2.0))
    memory.admit(beside, AlertType.PERSON, at(2.0))
    assert not memory.has_reported("two", "people")
