"""The spool keeps accepted alerts, in order and within bounds."""

import errno
import json
import os
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cctv.delivery.spool import DamagedAlertError, Entry, Spool, SpoolInUseError
from vigil_contracts.alert import NEW_FIELDS, AlertSubmission, Box, ClipSubmission, ImageSubmission
from vigil_contracts.names import AlertType

MEGABYTE = 1024 * 1024


@pytest.fixture
def opened() -> Iterator[Callable[..., Spool]]:
    """Opens spools, and closes them all in the end."""
    spools: list[Spool] = []

    def open_spool(folder: Path, max_bytes: int, **options: Any) -> Spool:
        spools.append(Spool(folder, max_bytes, **options))
        return spools[-1]

    yield open_spool
    for spool in spools:
        spool.close()


def alert(camera: int = 1, event_id: str = "") -> AlertSubmission:
    return AlertSubmission(
        event_id=event_id or uuid.uuid4().hex,
        camera=camera,
        alert_type=AlertType.PERSON,
        confidence=0.9,
        timestamp=datetime.now(UTC),
    )


def clip(camera: int, event_id: str) -> ClipSubmission:
    return ClipSubmission(event_id=event_id, camera=camera, started_at=datetime.now(UTC), duration_seconds=10)


def head(spool: Spool, camera: int = 1) -> Entry:
    entry = spool.head(camera)
    assert entry is not None
    return entry


def drain(spool: Spool, camera: int = 1) -> list[str]:
    found = []
    while (entry := spool.head(camera)) is not None:
        found.append(spool.read(entry)[0].event_id)
        spool.done(entry)
    return found


def test_first_in_first_out_per_camera_over_a_restart(opened: Callable[..., Spool], tmp_path: Path) -> None:
    spool = opened(tmp_path, MEGABYTE)
    names = [f"event-{number:04}" for number in range(50)]
    for name in names:
        assert spool.append(alert(1, name), b"one")
        assert spool.append(alert(2, name), b"two")
    spool.close()

    again = opened(tmp_path, MEGABYTE)

    assert again.append(alert(1, "event-last"), b"")
    assert drain(again, 1) == [*names, "event-last"]
    assert drain(again, 2) == names
    assert again.waiting().alerts == 0
    assert again.waiting().size_bytes == 0


def test_a_slow_deletion_does_not_delay_other_cameras(
    opened: Callable[..., Spool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = opened(tmp_path, MEGABYTE)
    spool.append(alert(1, "event-sent"), b"")
    spool.append(alert(2, "event-next"), b"")
    began, may_end, unlink = threading.Event(), threading.Event(), Path.unlink

    def slow(path: Path, missing_ok: bool = False) -> None:
        began.set()
        assert may_end.wait(10)
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", slow)
    sent = head(spool, 1)
    with ThreadPoolExecutor(2) as threads:
        try:
            deletion = threads.submit(spool.done, sent)
            assert began.wait(10)
            following = threads.submit(spool.head, 2).result(10)
            assert not deletion.done()
        finally:
            may_end.set()
        deletion.result(10)
    assert following is not None
    assert not sent.path.exists()
    assert spool.waiting().alerts == 1


def test_entries_round_trip(opened: Callable[..., Spool], tmp_path: Path) -> None:
    spool = opened(tmp_path, MEGABYTE)
    picture = random.Random(1).randbytes(5000) + b"\n\n"
    sent = alert().model_copy(update={"zone": "Gate", "zone_seconds": 61.5})
    spool.append(sent, picture)

    assert spool.read(head(spool)) == (sent, picture)


def test_older_and_newer_versions_read_the_spool(opened: Callable[..., Spool], tmp_path: Path) -> None:
    """After a step back as after an upgrade: what a version does not know is left out, the event is not."""
    spool = opened(tmp_path, MEGABYTE)
    spool.append(alert().model_copy(update={"zone_seconds": 61.5}), b"")
    path = head(spool).path
    header = json.loads(path.read_bytes())
    assert header["alert"].keys() <= set(AlertSubmission.model_fields) - NEW_FIELDS

    path.write_text(json.dumps(header | {"new": {"mood": "calm"}}) + "\n")
    assert spool.read(head(spool))[0] == AlertSubmission.model_validate(header["alert"])


def test_full_spool_drops_the_oldest_and_reports_it(opened: Callable[..., Spool], tmp_path: Path) -> None:
    dropped: list[tuple[int, str]] = []
    spool = opened(tmp_path, 10_000, on_drop=lambda camera_id, why: dropped.append((camera_id, why)))
    for number in range(20):
        assert spool.append(alert(1 + number % 2, f"event-{number:04}"), b"x" * 1000)

    waiting = spool.waiting()
    assert waiting.size_bytes <= 10_000
    assert len(dropped) == 20 - waiting.alerts
    assert {why for _, why in dropped} == {"full"}
    left = sorted(drain(spool, 1) + drain(spool, 2))
    assert left == [f"event-{number:04}" for number in range(len(dropped), 20)]


def test_an_alert_larger_than_the_spool_is_not_accepted(opened: Callable[..., Spool], tmp_path: Path) -> None:
    dropped: list[int] = []
    spool = opened(tmp_path, 1000, on_drop=lambda camera_id, why: dropped.append(camera_id))

    assert not spool.append(alert(7), b"x" * 2000)
    assert dropped == [7]


def test_old_alerts_are_dropped(opened: Callable[..., Spool], tmp_path: Path) -> None:
    dropped: list[str] = []
    spool = opened(tmp_path, MEGABYTE, max_age_seconds=60, on_drop=lambda camera_id, why: dropped.append(why))
    spool.append(alert(1, "event-old"), b"")
    spool.append(alert(1, "event-new"), b"")
    old = head(spool).path
    os.utime(old, (time.time() - 120, time.time() - 120))

    assert drain(spool) == ["event-new"]
    assert dropped == ["old"]


def test_dead_letter_is_kept_with_its_reason(opened: Callable[..., Spool], tmp_path: Path) -> None:
    spool = opened(tmp_path, MEGABYTE)
    spool.append(alert(1, "event-bad"), b"picture")
    spool.append(alert(1, "event-good"), b"")
    spool.bury(head(spool), "POST /api/send-alert/: 400")

    assert drain(spool) == ["event-good"]
    (reason,) = tmp_path.glob("dead/1/*.reason")
    assert reason.read_text() == "POST /api/send-alert/: 400\n"
    assert (reason.parent / reason.name.removesuffix(".reason")).read_bytes().endswith(b"picture")


def test_dead_letters_are_bounded(opened: Callable[..., Spool], tmp_path: Path) -> None:
    spool = opened(tmp_path, 100_000)
    for number in range(30):
        spool.append(alert(1, f"event-{number:04}"), b"x" * 1000)
        spool.bury(head(spool), "no")

    letters = sorted(tmp_path.glob("dead/1/*.alert"))
    assert 5 <= len(letters) <= 10
    assert letters[-1].name.endswith("event-0029.alert")
    assert len(list(tmp_path.glob("dead/1/*.reason"))) == len(letters)


def test_damaged_file_is_reported(opened: Callable[..., Spool], tmp_path: Path) -> None:
    spool = opened(tmp_path, MEGABYTE)
    spool.append(alert(), b"x" * 100)
    entry = head(spool)
    data = bytearray(entry.path.read_bytes())
    data[-1] ^= 1
    entry.path.write_bytes(data)

    with pytest.raises(DamagedAlertError):
        spool.read(entry)


def test_incomplete_files_of_a_killed_process_are_deleted(opened: Callable[..., Spool], tmp_path: Path) -> None:
    (tmp_path / "waiting" / "1").mkdir(parents=True)
    (tmp_path / "waiting" / "1" / "000000000001-event-torn.alert.part").write_bytes(b"{")

    spool = opened(tmp_path, MEGABYTE)

    assert spool.waiting().alerts == 0
    assert not list(tmp_path.glob("waiting/1/*"))


def test_two_processes_do_not_share_a_spool(opened: Callable[..., Spool], tmp_path: Path) -> None:
    spool = opened(tmp_path, MEGABYTE)
    with pytest.raises(SpoolInUseError, match="VIGIL_SPOOL_DIR"):
        opened(tmp_path, MEGABYTE)
    spool.close()
    opened(tmp_path, MEGABYTE).close()


def test_disk_failure_is_reported(
    opened: Callable[..., Spool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = opened(tmp_path, MEGABYTE)

    def fails(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="Input/output"):
        spool.append(alert(), b"")
    assert spool.waiting().alerts == 0


def picture(camera: int, event_id: str) -> ImageSubmission:
    return ImageSubmission(event_id=event_id, camera=camera, box=Box(x_min=0, y_min=0, x_max=0.5, y_max=1))


@pytest.mark.parametrize("follower", [clip, picture])
def test_images_and_clips_survive_a_restart(
    opened: Callable[..., Spool], tmp_path: Path, follower: Callable[[int, str], ClipSubmission | ImageSubmission]
) -> None:
    spool = opened(tmp_path, MEGABYTE)
    spool.append(alert(1, "event-one"), b"")
    spool.append(follower(1, "event-one"), b"content")
    spool.append(alert(1, "event-two"), b"")
    assert spool.waiting(1).alerts == 2
    spool.close()

    again = opened(tmp_path, MEGABYTE)
    assert drain(again) == ["event-one", "event-two", "event-one"]
    sent = follower(1, "event-two")
    again.append(sent, b"content")
    assert again.read(head(again)) == (sent, b"content")
    assert again.waiting(1).alerts == 0


def test_clips_are_dropped_before_alerts(opened: Callable[..., Spool], tmp_path: Path) -> None:
    spool = opened(tmp_path, 10_000)
    for number in range(4):
        spool.append(alert(1, f"event-{number:04}"), b"x" * 1000)
        spool.append(clip(2, f"event-{number:04}"), b"x" * 1000)
    for number in range(4, 7):
        assert spool.append(alert(1, f"event-{number:04}"), b"x" * 1000)
    assert drain(spool, 1) == [f"event-{number:04}" for number in range(7)]
    assert drain(spool, 2) == ["event-0003"]


@pytest.mark.parametrize("follower", [clip, picture])
def test_no_alert_is_dropped_for_a_clip(
    opened: Callable[..., Spool], tmp_path: Path, follower: Callable[[int, str], ClipSubmission | ImageSubmission]
) -> None:
    dropped: list[tuple[int, str]] = []
    spool = opened(tmp_path, 10_000, on_drop=lambda camera_id, why: dropped.append((camera_id, why)))
    for number in range(7):
        assert spool.append(alert(1, f"event-{number:04}"), b"x" * 1000)
    assert not spool.append(follower(2, "event-0000"), b"x" * 5000)
    assert dropped == [(2, "full")]
    assert drain(spool) == [f"event-{number:04}" for number in range(7)]


def test_oversized_entry_drops_nothing(opened: Callable[..., Spool], tmp_path: Path) -> None:
    spool = opened(tmp_path, 10_000)
    assert spool.append(alert(1, "event-one"), b"x" * 1000)
    assert spool.append(clip(1, "event-one"), b"x" * 1000)
    assert not spool.append(alert(1, "event-two"), b"x" * 20_000)
    assert drain(spool) == ["event-one", "event-one"]


def test_operations_do_not_slow_down_with_thousands_of_entries(
    opened: Callable[..., Spool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processor time, without the disk's: after a night's outage it must send, not sort."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)

    def cost(waiting: int) -> float:
        spool = opened(tmp_path / str(waiting), 1000 * MEGABYTE)
        for number in range(waiting):
            spool.append(alert(1, f"event-{number:05}"), b"")
        began = time.process_time()
        for number in range(300):
            entry = head(spool)
            assert spool.read(entry)[0].event_id == f"event-{number:05}"
            spool.done(entry)
            spool.append(alert(1, f"later-{number:05}"), b"")
        used = time.process_time() - began
        assert spool.waiting().alerts == waiting
        return used

    assert cost(3000) < 3 * cost(300)
