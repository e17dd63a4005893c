"""Senders are served in turn, and none can fill the queue."""

import pytest

from cctv.serving.fair_queue import FairQueue, QueueFullError


def test_senders_are_served_in_turn_and_each_in_its_own_order() -> None:
    queue: FairQueue[str] = FairQueue(10, 4)
    queue.put("busy", ["a1", "a2", "a3"])
    queue.put("calm", ["b1"])
    queue.put("slow", ["c1", "c2"])
    assert [queue.get() for _ in range(len(queue))] == ["a1", "b1", "c1", "a2", "c2", "a3"]
    with pytest.raises(IndexError):
        queue.get()


def test_sender_that_returns_waits_for_its_turn() -> None:
    queue: FairQueue[str] = FairQueue(10, 4)
    queue.put("busy", ["a1"])
    queue.put("calm", ["b1"])
    assert queue.get() == "a1"
    queue.put("busy", ["a2"])
    assert [queue.get(), queue.get()] == ["b1", "a2"]


def test_one_sender_cannot_fill_the_queue() -> None:
    queue: FairQueue[int] = FairQueue(10, 2)
    queue.put("busy", [1])
    queue.put("busy", [2])
    with pytest.raises(QueueFullError, match="2 images of this camera wait already"):
        queue.put("busy", [3])
    queue.put("calm", [4])
    assert len(queue) == 3


def test_items_of_a_request_are_taken_together_or_not_at_all() -> None:
    queue: FairQueue[int] = FairQueue(5, 2)
    queue.put("batch", [1, 2, 3])
    with pytest.raises(QueueFullError, match="3 images wait, and at most 5 may"):
        queue.put("other", [4, 5, 6])
    assert [queue.get() for _ in range(len(queue))] == [1, 2, 3]
    queue.put("nobody", [])
    assert len(queue) == 0
