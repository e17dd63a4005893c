"""Right, missed and false events."""

from tests.bench.quality.score import Score, Visit, score

VISITS = (Visit("person", 1, 10), Visit("person", 8, 20), Visit("vehicle", 2, 5))


def test_each_visit_needs_its_own_event_of_its_type() -> None:
    assert score([("person", 2), ("vehicle", 3), ("person", 9)], VISITS) == Score(3, 0, 0)
    assert score([("person", 2), ("person", 3)], VISITS) == Score(1, 2, 1)
    assert score([("person", 30), ("animal", 3)], VISITS) == Score(0, 3, 2)
    assert score([], VISITS) == Score(0, 3, 0)


def test_an_event_in_two_visits_counts_for_the_one_that_ends_first() -> None:
    assert score([("person", 9), ("person", 15)], VISITS) == Score(2, 1, 0)
