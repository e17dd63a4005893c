"""Rows are given out in the order of their ids, whatever the order in which they become visible."""

from hypothesis import given
from hypothesis import strategies as st

from surveillance.core.sequence import PATIENCE_SECONDS, InOrder


def test_rows_in_order_pass_at_once() -> None:
    order: InOrder[str] = InOrder(10)
    assert order.take({11: "a", 12: "b"}, now=0.0) == ["a", "b"]
    assert order.take({11: "a", 12: "b"}, now=1.0) == []
    assert order.position == 12


def test_missing_row_is_waited_for() -> None:
    order: InOrder[str] = InOrder(10)
    assert order.take({12: "b"}, now=0.0) == []
    assert order.take({11: "a", 12: "b"}, now=1.0) == ["a", "b"]


def test_row_that_never_comes_is_waited_for_no_longer_than_that() -> None:
    order: InOrder[str] = InOrder(10)
    assert order.take({12: "b"}, now=0.0) == []
    assert order.take({12: "b"}, now=PATIENCE_SECONDS - 0.1) == []
    assert order.take({12: "b"}, now=PATIENCE_SECONDS) == ["b"]


@given(st.permutations(range(1, 15)), st.lists(st.integers(1, 5), min_size=14, max_size=14))
def test_every_row_once_and_in_order(commits: list[int], sizes: list[int]) -> None:
    order: InOrder[int] = InOrder(0)
    visible: dict[int, int] = {}
    given_out: list[int] = []
    now, remaining = 0.0, list(commits)
    for size in sizes:
        for row in remaining[:size]:
            visible[row] = row
        remaining = remaining[size:]
        now += PATIENCE_SECONDS / 100  # all are committed well within the patience
        given_out += order.take({row: row for row in visible if row > order.position}, now=now)
    assert given_out == list(range(1, 15))
