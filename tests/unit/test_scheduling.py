"""Parts that wait have a worker of their own, and every part is run."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from tests.scheduling import (
    COMPUTING_NICENESS,
    COMPUTING_WORKERS,
    LONGEST_FIRST,
    REAL_TIME,
    REAL_TIME_NICENESS,
    WAITING,
    WaitingPartsScheduling,
    next_group,
    niceness,
    place,
)
from xdist.remote import Producer

TESTS = Path(__file__).parents[1]
COMPUTES, ALSO_COMPUTES = "integration/backend", "int8_integration/detector/detectors"
WAITS, ALSO_WAITS = "integration/operator", "integration/cluster"
SHARES_THE_CLUSTER = "cluster_integration/docs"


@pytest.mark.parametrize(
    ("queue", "only_waiting", "group"),
    [
        ([WAITS, COMPUTES, ALSO_COMPUTES], False, COMPUTES),
        ([WAITS, ALSO_COMPUTES], False, ALSO_COMPUTES),
        ([WAITS, ALSO_WAITS], False, WAITS),
        ([COMPUTES, WAITS, ALSO_WAITS], True, WAITS),
        ([COMPUTES, SHARES_THE_CLUSTER], True, SHARES_THE_CLUSTER),
        ([SHARES_THE_CLUSTER, COMPUTES], False, COMPUTES),
        ([COMPUTES], True, None),
        ([], False, None),
    ],
)
def test_group_that_a_worker_takes_next(queue: list[str], only_waiting: bool, group: str | None) -> None:
    assert next_group(queue, only_waiting=only_waiting) == group


@pytest.mark.parametrize("part", sorted({*LONGEST_FIRST, *WAITING, *REAL_TIME}))
def test_each_named_part_is_a_folder_with_tests(part: str) -> None:
    assert list((TESTS / part).glob("test_*.py"))


def test_longest_parts_come_first_and_others_in_alphabetical_order() -> None:
    parts = ["integration/web", "integration/chart", LONGEST_FIRST[1], LONGEST_FIRST[0]]
    assert sorted(parts, key=place) == [*LONGEST_FIRST[:2], "integration/chart", "integration/web"]


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("e2e", REAL_TIME_NICENESS),
        ("some_integration/home_assistant", REAL_TIME_NICENESS),
        (WAITS, 0),
        (SHARES_THE_CLUSTER, 0),
        (COMPUTES, COMPUTING_NICENESS),
    ],
)
def test_parts_in_real_time_go_first_and_those_that_compute_last(group: str, expected: int) -> None:
    assert niceness(group) == expected


class Worker:
    """What the scheduler needs of a worker of pytest-xdist."""

    def __init__(self, number: int) -> None:
        self.gateway = SimpleNamespace(id=f"gw{number}")
        self.shutting_down = False
        self.begun: list[int] = []

    def send_runtest_some(self, indices: list[int]) -> None:
        self.begun += indices

    def shutdown(self) -> None:
        self.shutting_down = True


def test_further_worker_begins_after_the_parts_in_real_time() -> None:
    groups = (WAITS, "e2e", COMPUTES, ALSO_COMPUTES, "integration/dashboard")
    ids = [f"tests/a.py::test_{number}@{group}" for group in groups for number in range(4)]
    config = SimpleNamespace(getvalue=lambda _name: ["popen"] * 3, option=SimpleNamespace(loadscopereorder=False))
    scheduling = WaitingPartsScheduling(cast("pytest.Config", config), Producer("test", enabled=False))
    further, plays, computes = (Worker(number) for number in (COMPUTING_WORKERS, 0, 1))
    workers = [further, plays, computes, *(Worker(number) for number in range(2, COMPUTING_WORKERS))]
    for worker in workers:
        scheduling.add_node(worker)
        scheduling.add_node_collection(worker, ids)
    scheduling.schedule()
    assert (plays.begun, computes.begun[:4], further.begun) == ([4, 5, 6, 7], [8, 9, 10, 11], [])
    for index in (8, 9, 10):
        scheduling.mark_test_complete(computes, index)
    for index in (4, 5, 6):
        scheduling.mark_test_complete(plays, index)
    assert further.begun == [], "the last test in real time has not ended"
    scheduling.mark_test_complete(plays, 7)
    assert further.begun == [0, 1, 2, 3]


def test_servers_run_with_the_priority_of_their_test() -> None:
    program = """
import os, subprocess
from pathlib import Path
from tests.priority import add_niceness, share_niceness
add_niceness(3)
child = subprocess.Popen(["sleep", "60"], start_new_session=True)
share_niceness(child.pid)
group = Path(f"/proc/{child.pid}/autogroup")
print(os.getpriority(os.PRIO_PROCESS, child.pid), group.read_text() if os.access(group, os.W_OK) else "")
child.kill()
child.wait()
"""
    finished = subprocess.run(
        [sys.executable, "-c", program], cwd=TESTS.parent, capture_output=True, text=True, check=True
    )
    expected = os.getpriority(os.PRIO_PROCESS, 0) + 3
    own, _, of_the_session = finished.stdout.strip().partition(" ")
    assert own == str(expected)
    assert not of_the_session or of_the_session.endswith(f"nice {expected}")
