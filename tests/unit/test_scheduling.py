"""Parts that wait have a worker of their own, and every part is run."""

from pathlib import Path

import pytest
from tests.scheduling import LONGEST_FIRST, WAITING, next_group, place

TESTS = Path(__file__).parents[1]
COMPUTES, ALSO_COMPUTES = "integration/backend", "int8_integration/detector/detectors"
WAITS, ALSO_WAITS = "integration/operator", "integration/cluster"


@pytest.mark.parametrize(
    ("queue", "only_waiting", "group"),
    [
        ([WAITS, COMPUTES, ALSO_COMPUTES], False, COMPUTES),
        ([WAITS, ALSO_COMPUTES], False, ALSO_COMPUTES),
        ([WAITS, ALSO_WAITS], False, WAITS),
        ([COMPUTES, WAITS, ALSO_WAITS], True, WAITS),
        ([COMPUTES], True, None),
        ([], False, None),
    ],
)
def test_group_that_a_worker_takes_next(queue: list[str], only_waiting: bool, group: str | None) -> None:
    assert next_group(queue, only_waiting=only_waiting) == group


@pytest.mark.parametrize("part", sorted({*LONGEST_FIRST, *WAITING}))
def test_each_named_part_is_a_folder_with_tests(part: str) -> None:
    assert list((TESTS / part).glob("test_*.py"))


def test_longest_parts_come_first_and_others_in_alphabetical_order() -> None:
    parts = ["integration/web", "integration/chart", LONGEST_FIRST[1], LONGEST_FIRST[0]]
    assert sorted(parts, key=place) == [*LONGEST_FIRST[:2], "integration/chart", "integration/web"]
