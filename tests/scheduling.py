"""The order in which pytest-xdist's workers run the parts of the suite.

A part is a folder of tests. Most parts compute: two of them use two cores. Some mostly wait, for a cluster or for a
stream: workers beyond the number of cores run these beside the others, once the parts in real time are over.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from xdist.scheduler.loadgroup import LoadGroupScheduling
from xdist.workermanage import WorkerController

COMPUTING_WORKERS = max(2, len(os.sched_getaffinity(0)))
"""As many as there are cores, two in CI. Further workers run only parts that wait."""

LONGEST_FIRST = (
    "integration/operator",
    "e2e",
    "integration/backend",
    "integration/home_assistant",
    "integration/detector/runtime",
    "integration/detector/detectors",
    "integration/detector/streams",
    "integration/dashboard",
    "integration/standalone",
    "integration/notifications",
    "integration/cluster",
    "integration/detector/vision",
    "integration/docs",
    "integration/privacy",
    "integration/detector/delivery",
)
"""So that the workers end at about the same time. The parts in real time come early, one beside the backend's tests
and not beside each other, since further workers wait for them."""

WAITING = frozenset(
    {
        "integration/operator",
        "integration/detector/streams",
        "integration/notifications",
        "integration/cluster",
        "integration/detector/delivery",
    }
)
"""Parts that use less than half a core."""

CLUSTER_GROUP = "cluster"
"""`pytest.mark.xdist_group` of further tests that use the fixture `cluster`, in parts that compute.

They run in the worker of the parts that wait, which has started a control plane: that takes 13 s of CPU.
"""

REAL_TIME = frozenset({"e2e", "integration/home_assistant"})
"""Parts that play clips to detectors in real time: a detector without CPU time misses people.

Until they are over, workers beyond the number of cores wait.
"""

REAL_TIME_NICENESS = -10
"""Nearly all of the CPU time that they ask for, where root runs the suite."""

COMPUTING_NICENESS = 5
"""A third of the CPU time of the others, where they compete: enough for a server to start within its deadline."""


def place(part: str) -> tuple[int, str]:
    """Return a sort key for the order of the parts."""
    return (LONGEST_FIRST.index(part) if part in LONGEST_FIRST else len(LONGEST_FIRST), part)


def niceness(group: str) -> int:
    """Return the niceness of a group's tests: what has deadlines in real time goes before what only computes."""
    if is_real_time(group):
        return REAL_TIME_NICENESS
    return 0 if waits(group) else COMPUTING_NICENESS


def is_real_time(group: str) -> bool:
    """Return whether the group is one of a part in real time, or some tests of it (`pytest.mark.xdist_group`)."""
    return any(group == part or group.endswith(f"_{part}") for part in REAL_TIME)


def waits(group: str) -> bool:
    """Return whether the group belongs to the worker of the parts that wait."""
    return group in WAITING or group.startswith(f"{CLUSTER_GROUP}_")


def next_group(queue: Sequence[str], *, only_waiting: bool) -> str | None:
    """Return the group that a worker takes from the queue, or None if it has nothing more to do.

    A worker that computes takes parts that wait only when nothing else is left.
    """
    waiting = [group for group in queue if waits(group)]
    computing = [] if only_waiting else [group for group in queue if not waits(group)]
    return next(iter(computing + waiting), None)


class WaitingPartsScheduling(LoadGroupScheduling):  # type: ignore[misc]  # xdist has no types
    """Give the first workers the parts that compute, and those beyond the number of cores the parts that wait."""

    def mark_test_complete(self, node: WorkerController, item_index: int, duration: float = 0) -> None:
        """Also give a worker something to do that has waited for the end of the parts in real time."""
        super().mark_test_complete(node, item_index, duration)
        for idle in [other for other, work in self.assigned_work.items() if not self._pending_of(work)]:
            self._reschedule(idle)

    def _assign_work_unit(self, node: WorkerController) -> None:
        only_waiting = self._only_waits(node)
        if only_waiting and self._is_anything_in_real_time():
            return
        group = next_group(list(self.workqueue), only_waiting=only_waiting)
        if group is None:
            node.shutdown()
            return
        self.workqueue.move_to_end(group, last=False)
        super()._assign_work_unit(node)

    def _only_waits(self, node: WorkerController) -> bool:
        """Return whether enough other workers compute. If one of them crashes, another one takes its place."""
        active = [other for other in self.nodes if not other.shutting_down]
        return node in sorted(active, key=_number)[COMPUTING_WORKERS:]

    def _is_anything_in_real_time(self) -> bool:
        running = [
            group for work in self.assigned_work.values() for group, tests in work.items() if not all(tests.values())
        ]
        return any(is_real_time(group) for group in [*self.workqueue, *running])


def _number(node: WorkerController) -> int:
    return int(str(node.gateway.id).removeprefix("gw"))
