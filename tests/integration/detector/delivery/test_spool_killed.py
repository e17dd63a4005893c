"""A spool whose process is killed at random times."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cctv.delivery.spool import Spool

CHILD = """
import sys, uuid
from datetime import UTC, datetime
from pathlib import Path
from cctv.delivery.spool import Spool
from vigil_contracts.alert import AlertSubmission
from vigil_contracts.names import AlertType

spool = Spool(Path(sys.argv[1]), 10**9)
while (entry := spool.head(1)) is not None and spool.waiting(1).alerts > 20:
    event_id = spool.read(entry)[0].event_id
    print("sent", event_id, flush=True)
    spool.done(entry)
while True:
    event_id = uuid.uuid4().hex
    alert = AlertSubmission(event_id=event_id, camera=1, alert_type=AlertType.PERSON, confidence=0.5,
                            timestamp=datetime.now(UTC))
    print("try", event_id, flush=True)
    if spool.append(alert, b"x" * 20_000):
        print("accepted", event_id, flush=True)
    if spool.waiting(1).alerts > 25:
        entry = spool.head(1)
        print("sent", spool.read(entry)[0].event_id, flush=True)
        spool.done(entry)
"""


@pytest.mark.slow
def test_spool_killed_at_any_time_loses_and_repeats_nothing(tmp_path: Path) -> None:
    """A child adds and removes entries and is killed at random times; its output gives the expected entries.

    `accepted` but not `sent`: must be there. `sent` and the one after it begun: must be gone. In between either.
    """
    chance = random.Random(20)
    accepted: list[str] = []
    sent: list[str] = []
    tried: set[str] = set()
    for life in range(8):
        command = [sys.executable, "-c", CHILD, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            lines = [child.stdout.readline()]  # it has begun
            while sum(said.startswith("accepted") for said in lines) < 4 * life and (line := child.stdout.readline()):
                lines.append(line)  # so many, however slow the disk is
            time.sleep(chance.uniform(0.0, 0.15))
            child.kill()
            lines += child.stdout.read().splitlines()
        for line in lines:
            word, _, event_id = line.strip().partition(" ")
            if len(event_id) == 32:
                {"try": tried.add, "accepted": accepted.append, "sent": sent.append}[word](event_id)
    spool = Spool(tmp_path, 10**9)
    left = []
    while (entry := spool.head(1)) is not None:
        left.append(spool.read(entry)[0].event_id)
        spool.done(entry)
    spool.close()

    assert len(left) == len(set(left))
    must_be_left = [event_id for event_id in accepted if event_id not in sent]
    assert set(must_be_left) <= set(left), "an accepted alert is lost"
    assert set(left) <= tried
    # `sent` is said before the removal, so the last one of each life may still be there; never an earlier one.
    assert len(set(left) & set(sent)) <= 8
    # Order: what is left of the accepted ones comes in the order of their acceptance.
    order = {event_id: place for place, event_id in enumerate(accepted)}
    places = [order[event_id] for event_id in left if event_id in order]
    assert places == sorted(places)
    assert len(accepted) > 20, "the child was killed before it did anything"
