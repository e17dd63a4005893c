"""The order in which pytest-xdist's workers run the parts of the suite.

A part is a folder of tests. Most parts compute: two of them use two cores. Some mostly wait, for a cluster or for a
stream: workers beyond the number of cores run these beside the others. Until the clips of `UNDISTURBED` are over,
they run only what nearly always waits.
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
and not beside each other."""

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

SLEEPING = frozenset({"integration/detector/streams"})
"""Those of `WAITING` that use less than a tenth of a core: 31 s of CPU in 407 s."""

CLUSTER_GROUP = "cluster"
"""`pytest.mark.xdist_group` of further tests that use the fixture `cluster`, in parts that compute.

They run in the worker of the parts that wait, which has started a control plane: that takes 13 s of CPU.
"""

UNDISTURBED = "e2e"
"""Plays minutes of clips to several detectors in real time. Without enough CPU time, a detector misses people.

Until it is over, workers beyond the number of cores run only `SLEEPING`.
"""

REAL_TIME = frozenset({UNDISTURBED, "integration/home_assistant"})
"""Parts in which detectors have to be as fast as their streams."""

IN_MILLISECONDS = frozenset({"integration/dashboard"})
"""Parts that compute and compare the time of single requests with a bound."""

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
    return 0 if waits(group) or group in IN_MILLISECONDS else COMPUTING_NICENESS


def is_real_time(group: str) -> bool:
    """Return whether the group is one of a part in real time, or some tests of it (`pytest.mark.xdist_group`)."""
    return any(group == part or group.endswith(f"_{part}") for part in REAL_TIME)


def waits(group: str) -> bool:
    """Return whether the group belongs to the worker of the parts that wait."""
    return group in WAITING or group.startswith(f"{CLUSTER_GROUP}_")


def next_group(queue: Sequence[str], *, is_further: bool, is_undisturbed_left: bool = False) -> str | None:
    """Return the group that a worker takes from the queue, or None if there is nothing for it.

    A worker that computes takes parts that wait only when nothing else is left. `is_further`: it is one beyond the
    number of cores. `is_undisturbed_left`: `UNDISTURBED` is not over.
    """
    sleeping = [group for group in queue if group in SLEEPING]
    waiting = [group for group in queue if waits(group) and group not in SLEEPING]
    computing = [group for group in queue if not waits(group)]
    for_further = sleeping if is_undisturbed_left else sleeping + waiting
    return next(iter(for_further if is_further else computing + waiting + sleeping), None)


class WaitingPartsScheduling(LoadGroupScheduling):  # type: ignore[misc]  # xdist has no types
    """Give the first workers the parts that compute, and those beyond the number of cores the parts that wait."""

    def mark_test_complete(self, node: WorkerController, item_index: int, duration: float = 0) -> None:
        """Also give workers something to do that have waited for the end of `UNDISTURBED`.

        Such a worker may have one test left: it begins a test only when it knows the next one.
        """
        super().mark_test_complete(node, item_index, duration)
        for other in list(self.assigned_work):
            self._reschedule(other)

    def _assign_work_unit(self, node: WorkerController) -> None:
        is_further, is_left = self._is_further(node), self._is_undisturbed_left()
        group = next_group(list(self.workqueue), is_further=is_further, is_undisturbed_left=is_left)
        if group is None:
            if not is_left:
                node.shutdown()
            return
        self.workqueue.move_to_end(group, last=False)
        super()._assign_work_unit(node)

    def _is_further(self, node: WorkerController) -> bool:
        """Return whether enough other workers compute. If one of them crashes, another one takes its place."""
        active = [other for other in self.nodes if not other.shutting_down]
        return node in sorted(active, key=_number)[COMPUTING_WORKERS:]

    def _is_undisturbed_left(self) -> bool:
        running = [
            group for work in self.assigned_work.values() for group, tests in work.items() if not all(tests.values())
        ]
        return UNDISTURBED in {*self.workqueue, *running}


def _number(node: WorkerController) -> int:
    return int(str(node.gateway.id).removeprefix("gw"))
