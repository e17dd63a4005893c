"""Delivery of alerts to the API: order, retries, dead letters."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cctv.delivery.sender import Sender
from cctv.delivery.spool import Spool, Submission
from cctv.metrics import Metrics
from vigil_contracts.alert import AlertSubmission
from vigil_contracts.api_client import ApiError
from vigil_contracts.names import AlertType


class Api:
    """Takes alerts, unless it is told to fail."""

    def __init__(self) -> None:
        self.taken: list[AlertSubmission] = []
        self.failure: Callable[[AlertSubmission], ApiError | None] = lambda alert: None
        self.tries = 0
        self._lock = threading.Lock()
        self._busy: set[int] = set()

    def post(self, alert: Submission, content: bytes) -> bool:
        assert isinstance(alert, AlertSubmission)
        with self._lock:
            assert alert.camera not in self._busy, "two alerts of a camera on their way at once"
            self._busy.add(alert.camera)
            self.tries += 1
        try:
            time.sleep(0.001)
            if (error := self.failure(alert)) is not None:
                raise error
            with self._lock:
                self.taken.append(alert)
            return True
        finally:
            with self._lock:
                self._busy.discard(alert.camera)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = Spool(tmp_path, 10**8)
    yield opened
    opened.close()


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def sender(spool: Spool, api: Api, metrics: Metrics) -> Iterator[Sender]:
    made = Sender(spool, api.post, metrics)
    yield made
    made.stop(5)


def put(spool: Spool, camera: int, count: int) -> None:
    for number in range(count):
        alert = AlertSubmission(
            event_id=f"{number:04}-{uuid.uuid4().hex}",
            camera=camera,
            alert_type=AlertType.PERSON,
            confidence=0.5,
            timestamp=datetime.now(UTC),
        )
        assert spool.append(alert, b"jpeg")


def wait_empty(spool: Spool) -> None:
    deadline = time.monotonic() + 20
    while spool.waiting().alerts:
        assert time.monotonic() < deadline, "the spool does not empty"
        time.sleep(0.01)


def test_each_camera_s_alerts_arrive_once_and_in_order(
    spool: Spool, api: Api, sender: Sender, metrics: Metrics
) -> None:
    for camera in (1, 2, 3):
        put(spool, camera, 30)
    sender.start()
    wait_empty(spool)

    for camera in (1, 2, 3):
        numbers = [alert.event_id[:4] for alert in api.taken if alert.camera == camera]
        assert numbers == [f"{number:04}" for number in range(30)]
    delivered = metrics.registry.get_sample_value("vigil_alert_delivery_seconds_count", {"camera": "1"})
    assert delivered == 30


def test_failed_deliveries_are_retried_in_order(spool: Spool, api: Api, sender: Sender) -> None:
    failures = iter([ApiError("no answer"), ApiError("503", status=503), ApiError("401", status=401)])
    api.failure = lambda alert: next(failures, None)
    put(spool, 1, 3)
    sender.start()
    deadline = time.monotonic() + 20
    while spool.waiting().alerts:
        assert time.monotonic() < deadline
        sender.api_is_back()
        time.sleep(0.01)

    assert [alert.event_id[:4] for alert in api.taken] == ["0000", "0001", "0002"]
    assert api.tries == 6


def test_permanently_rejected_alert_becomes_a_dead_letter(
    spool: Spool, api: Api, sender: Sender, metrics: Metrics, tmp_path: Path
) -> None:
    api.failure = lambda alert: ApiError("400 Bad Request", status=400) if alert.event_id[:4] == "0001" else None
    put(spool, 1, 3)
    sender.start()
    wait_empty(spool)

    assert [alert.event_id[:4] for alert in api.taken] == ["0000", "0002"]
    assert len(list(tmp_path.glob("dead/1/*.reason"))) == 1
    assert metrics.registry.get_sample_value("vigil_dead_letters_total", {"camera": "1"}) == 1


def test_one_cameras_failure_does_not_delay_others(spool: Spool, api: Api, sender: Sender) -> None:
    api.failure = lambda alert: ApiError("404", status=404) if alert.camera == 1 else None
    put(spool, 1, 2)
    put(spool, 2, 20)
    sender.start()
    deadline = time.monotonic() + 20
    while spool.waiting(2).alerts:
        assert time.monotonic() < deadline
        time.sleep(0.01)

    assert spool.waiting(1).alerts == 2


def test_damaged_file_becomes_a_dead_letter(spool: Spool, api: Api, sender: Sender, tmp_path: Path) -> None:
    put(spool, 1, 2)
    first = min(tmp_path.glob("waiting/1/*.alert"))
    first.write_bytes(b"{}")
    sender.start()
    wait_empty(spool)

    assert [alert.event_id[:4] for alert in api.taken] == ["0001"]


def test_unexpected_error_ends_no_thread(spool: Spool, api: Api, sender: Sender) -> None:
    def surprise(alert: AlertSubmission) -> ApiError | None:
        raise RuntimeError("surprise")

    api.failure = surprise
    put(spool, 1, 1)
    sender.start()
    deadline = time.monotonic() + 20
    while not api.tries:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    api.failure = lambda alert: None
    while spool.waiting().alerts:
        assert time.monotonic() < deadline
        sender.api_is_back()
        time.sleep(0.01)


def test_shutdown_sends_what_it_can_quickly(spool: Spool, api: Api, metrics: Metrics) -> None:
    sender = Sender(spool, api.post, metrics)
    put(spool, 1, 5)
    sender.start()
    sender.stop(5)

    assert spool.waiting().alerts == 0

    api.failure = lambda alert: ApiError("no answer")
    failing = Sender(spool, api.post, metrics)
    put(spool, 1, 5)
    failing.start()
    began = time.monotonic()
    failing.stop(5)
    assert time.monotonic() - began < 3
    assert spool.waiting().alerts == 5
