"""Alerts reach the API exactly once after a long outage and with a full disk."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster.polling import eventually
from tests.integration.services.backend import BackendServer
from tests.integration.services.detector import a_person

from cctv.config import Settings
from cctv.delivery.sender import Sender
from cctv.delivery.spool import Spool
from cctv.metrics import Metrics
from cctv.runtime.api import Api

MEGABYTE = 1024 * 1024


@contextlib.contextmanager
def sending(spool: Spool, backend: BackendServer, token: str) -> Iterator[Sender]:
    """Run a sender from the spool to the backend."""
    metrics = Metrics()
    api = Api(Settings(api_url=backend.url, token=token), metrics)
    sender = Sender(spool, api.deliver, metrics)
    sender.start()
    try:
        yield sender
    finally:
        sender.stop(5)
        api.close()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_thousands_of_alerts_are_delivered_once_despite_kills(backend: BackendServer, tmp_path: Path) -> None:
    """2,000 alerts of four cameras; during delivery the backend is killed once and the sender restarted."""
    user = backend.create_user("anna")
    pipeline = backend.token("anna", "pipeline")
    cameras = [backend.add_camera(user.token, name=f"c{n}", rtsp_url="rtsp://10.0.0.1/x") for n in range(4)]
    spool = Spool(tmp_path / "spool", 1000 * MEGABYTE)
    count = 2000
    for number in range(count):
        spool.append(a_person(cameras[number % 4]), b"")
    with sending(spool, backend, pipeline):
        eventually(lambda: spool.waiting().alerts < count - 200, 120, "it drains")
        backend.kill()
        time.sleep(2)
        assert spool.waiting().alerts > 0
    backend.start()
    began, left = time.monotonic(), spool.waiting().alerts
    with sending(spool, backend, pipeline):
        eventually(lambda: spool.waiting().alerts == 0, 200, "all are delivered")
    print(f"{left} alerts in {time.monotonic() - began:.1f} s")
    spool.close()

    assert len({alert["event_id"] for alert in backend.alerts(user.token)}) == count
    assert len(backend.alerts(user.token)) == count


def test_full_disk_drops_the_oldest_alerts(small_disk: Path) -> None:
    dropped: list[str] = []
    spool = Spool(small_disk / "spool", 1000 * MEGABYTE, on_drop=lambda camera_id, why: dropped.append(why))
    names = []
    for _ in range(60):
        submission = a_person(1)
        names.append(submission.event_id)
        assert spool.append(submission, b"x" * 500_000), "a new alert is worth more than the oldest"

    left = []
    while (entry := spool.head(1)) is not None:
        left.append(spool.read(entry)[0].event_id)
        spool.done(entry)
    spool.close()

    assert len(dropped) == 60 - len(left)
    assert set(dropped) == {"full"}
    assert left == names[-len(left) :]
    assert len(left) >= 25


def test_disk_filled_by_others_delays_the_alert(small_disk: Path) -> None:
    dropped: list[str] = []
    spool = Spool(small_disk / "spool", 1000 * MEGABYTE, on_drop=lambda camera_id, why: dropped.append(why))
    with contextlib.suppress(OSError), (small_disk / "other").open("wb") as other:
        while True:
            other.write(b"x" * 65536)

    with pytest.raises(OSError, match="No space left on device"):
        spool.append(a_person(1), b"x" * 500_000)
    assert spool.waiting().alerts == 0
    (small_disk / "other").unlink()
    assert spool.append(a_person(1), b"x" * 500_000)
    assert spool.waiting().alerts == 1
    assert dropped == [], "the caller still has the alert, so none is lost"
    spool.close()
