"""Rows are delivered in the order of their ids, even if they become visible in another order."""

from hypothesis import given
from hypothesis import strategies as st

from surveillance.core.sequence import PATIENCE_SECONDS, InOrder, Writers

NOBODY: Writers = frozenset()
FIRST, SECOND = frozenset({"3/7"}), frozenset({"4/9"})


def test_ordered_rows_pass_immediately() -> None:
    order: InOrder[str] = InOrder(10)
    assert order.take({11: "a", 12: "b"}, writing=NOBODY, now=0.0) == ["a", "b"]
    assert not order.has_gap
    assert order.take({11: "a", 12: "b"}, writing=NOBODY, now=1.0) == []
    assert order.position == 12


def test_missing_row_is_awaited_while_its_writer_runs() -> None:
    order: InOrder[str] = InOrder(10)
    assert order.take({12: "b"}, writing=NOBODY, now=0.0) == []
    assert order.has_gap
    order.note(FIRST)
    assert order.take({12: "b"}, writing=FIRST, now=PATIENCE_SECONDS - 1) == []
    assert order.take({11: "a", 12: "b"}, writing=NOBODY, now=PATIENCE_SECONDS - 0.5) == ["a", "b"]


def test_rolled_back_row_is_skipped_when_its_writer_ends() -> None:
    order: InOrder[str] = InOrder(10)
    assert order.take({12: "b"}, writing=SECOND, now=0.0) == [], "who wrote then is not known yet"
    order.note(FIRST)
    assert order.take({12: "b"}, writing=FIRST | SECOND, now=0.3) == []
    order.note(FIRST | SECOND)
    assert order.take({12: "b"}, writing=SECOND, now=0.6) == ["b"], "the second began later"


def test_open_transaction_does_not_block_all_rows() -> None:
    order: InOrder[str] = InOrder(10)
    assert order.take({12: "b"}, writing=FIRST, now=0.0) == []
    order.note(FIRST)
    assert order.take({12: "b"}, writing=FIRST, now=PATIENCE_SECONDS) == ["b"]


@given(
    st.permutations(range(1, 15)), st.lists(st.integers(1, 5), min_size=14, max_size=14), st.sets(st.integers(1, 14))
)
def test_every_row_once_and_in_order(ends: list[int], sizes: list[int], rolled_back: set[int]) -> None:
    """Ids are assigned in order by separate transactions that end at random times."""
    order: InOrder[int] = InOrder(0)
    visible: dict[int, int] = {}
    given_out: list[int] = []
    now, remaining = 0.0, list(ends)
    for size in (*sizes, 0, 0):
        now += PATIENCE_SECONDS / 100
        before = frozenset(map(str, remaining))  # queried before the rows are read
        visible |= {row: row for row in remaining[:size] if row not in rolled_back}
        remaining = remaining[size:]
        found = {row: row for row in visible if row > order.position}
        given_out += order.take(found, writing=before, now=now)
        order.note(frozenset(map(str, remaining)))
    assert given_out == [row for row in range(1, 15) if row not in rolled_back]
