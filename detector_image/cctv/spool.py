"""Alerts on disk until the API has them: one file an alert, first in first out per camera, bounded.

Why files and not a database: a file that is renamed into its place after `fsync` is there wholly or not at all,
deleting one works on a full disk (a database must write to delete), a picture is not copied through a journal, and a
person can look at what waits.

    <folder>/waiting/<camera>/<sequence>-<event id>.alert     a line of JSON, then the JPEG
    <folder>/dead/<camera>/<same name>, <same name>.reason    what the API will never take, and why
    <folder>/lock                                             one process at a time

Kill the process at any instruction: an alert is accepted once `append` has returned, and then it is sent. It may be
sent twice (killed between the API's answer and the deletion); the API knows it by its `event_id`.
"""

import contextlib
import errno
import fcntl
import itertools
import json
import os
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from vigil_contracts.alert import AlertSubmission

_SUFFIX = ".alert"
_DEAD_SHARE = 10
"""Dead letters may take one part in so many of the room: they are for a person to look at, not to be sent."""


class SpoolInUseError(Exception):
    """Another process uses the folder."""


class DamagedAlertError(Exception):
    """A file does not hold what was written into it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One waiting alert."""

    camera_id: int
    path: Path
    sequence: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much waits."""

    alerts: int
    size_bytes: int


class Spool:
    """Thread-safe. `dropped` is called with a camera id and a word whenever an alert is given up (full, old)."""

    def __init__(
        self,
        folder: Path,
        max_bytes: int,
        max_age_seconds: float = 7 * 86400.0,
        dropped: Callable[[int, str], None] = lambda camera_id, why: None,
    ) -> None:
        self._waiting, self._dead = folder / "waiting", folder / "dead"
        self._max_bytes, self._max_age_seconds, self._dropped = max_bytes, max_age_seconds, dropped
        self._lock = threading.Lock()
        self._queues: dict[int, deque[Entry]] = {}
        self._bytes = 0
        for path in (self._waiting, self._dead):
            path.mkdir(parents=True, exist_ok=True)
        self._lock_file = (folder / "lock").open("w")
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock_file.close()
            raise SpoolInUseError(f"another detector uses {folder}; give each its own VIGIL_SPOOL_DIR") from None
        self._sequences = itertools.count(self._load() + 1)

    def close(self) -> None:
        """Lets another process use the folder."""
        self._lock_file.close()

    def append(self, alert: AlertSubmission, image_jpeg: bytes) -> bool:
        """Accepts an alert: once this returns True it survives everything but the disk.

        False: there was no room even after everything older was dropped. Raises OSError for a disk that fails.
        """
        data = _encode(alert, image_jpeg)
        folder = self._waiting / str(alert.camera)
        with self._lock:
            sequence = next(self._sequences)
            self._make_room(len(data))
        if len(data) > self._max_bytes:
            self._dropped(alert.camera, "full")
            return False
        name = f"{sequence:012d}-{alert.event_id}{_SUFFIX}"
        while True:
            try:
                _write_durably(folder, name, data)
                break
            except OSError as error:
                with self._lock:
                    if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                        raise
                    if not self._drop_oldest("full"):
                        self._dropped(alert.camera, "full")
                        return False
        with self._lock:
            entry = Entry(alert.camera, folder / name, sequence, len(data))
            self._queues.setdefault(alert.camera, deque()).append(entry)
            self._bytes += entry.size_bytes
        return True

    def head(self, camera_id: int) -> Entry | None:
        """The alert of a camera that is to be sent next."""
        with self._lock:
            queue = self._queues.get(camera_id)
            while queue:
                if time.time() - _modified(queue[0].path) <= self._max_age_seconds:
                    return queue[0]
                self._remove(queue[0], "old")
            return None

    def read(self, entry: Entry) -> tuple[AlertSubmission, bytes]:
        """An alert and its picture. Raises `DamagedAlertError`."""
        try:
            return _decode(entry.path.read_bytes())
        except (ValueError, KeyError, OSError, ValidationError) as error:
            raise DamagedAlertError(f"{type(error).__name__}") from error

    def done(self, entry: Entry) -> None:
        """The API has it."""
        with self._lock:
            self._remove(entry, "")

    def bury(self, entry: Entry, reason: str) -> None:
        """The API will never take it: kept aside, with the reason beside it."""
        folder = self._dead / str(entry.camera_id)
        with self._lock:
            with contextlib.suppress(OSError):  # a full disk must not keep the others waiting
                folder.mkdir(exist_ok=True)
                (folder / f"{entry.path.name}.reason").write_text(f"{reason}\n", encoding="utf-8")
                entry.path.rename(folder / entry.path.name)
            self._remove(entry, "")
            self._trim_dead()

    def cameras(self) -> list[int]:
        """The cameras with waiting alerts."""
        with self._lock:
            return [camera_id for camera_id, queue in self._queues.items() if queue]

    def waiting(self, camera_id: int | None = None) -> Waiting:
        """How much waits, of one camera or of all."""
        with self._lock:
            queues = self._queues.values() if camera_id is None else [self._queues.get(camera_id, deque())]
            entries = [entry for queue in queues for entry in queue]
            return Waiting(len(entries), sum(entry.size_bytes for entry in entries))

    def _load(self) -> int:
        """Takes up what a former process left; returns the highest sequence."""
        highest = 0
        for folder in sorted(path for path in self._waiting.iterdir() if path.name.isdigit()):
            entries = []
            for path in folder.iterdir():
                number = path.name.split("-", 1)[0]
                if path.suffix != _SUFFIX or not number.isdigit():
                    path.unlink()  # unfinished: `append` never returned for it
                    continue
                entries.append(Entry(int(folder.name), path, int(number), path.stat().st_size))
            entries.sort(key=lambda entry: entry.sequence)
            self._queues[int(folder.name)] = deque(entries)
            self._bytes += sum(entry.size_bytes for entry in entries)
            highest = max([highest, *(entry.sequence for entry in entries)])
        return highest

    def _make_room(self, size_bytes: int) -> None:
        while self._bytes + size_bytes > self._max_bytes and self._drop_oldest("full"):
            pass

    def _drop_oldest(self, why: str) -> bool:
        heads = [queue[0] for queue in self._queues.values() if queue]
        if not heads:
            return False
        self._remove(min(heads, key=lambda entry: entry.sequence), why)
        return True

    def _remove(self, entry: Entry, dropped_because: str) -> None:
        queue = self._queues.get(entry.camera_id)
        if not queue or entry not in queue:
            return  # dropped for want of room while it was being sent
        queue.remove(entry)
        self._bytes -= entry.size_bytes
        entry.path.unlink(missing_ok=True)
        if dropped_because:
            self._dropped(entry.camera_id, dropped_because)

    def _trim_dead(self) -> None:
        letters = sorted(self._dead.glob(f"*/*{_SUFFIX}"), key=_modified, reverse=True)
        room = self._max_bytes // _DEAD_SHARE
        for path in letters:
            room -= path.stat().st_size
            if room < 0:
                path.unlink(missing_ok=True)
                path.with_name(f"{path.name}.reason").unlink(missing_ok=True)


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return time.time()


def _encode(alert: AlertSubmission, image_jpeg: bytes) -> bytes:
    header = {"alert": alert.model_dump(mode="json"), "image_bytes": len(image_jpeg), "crc32": zlib.crc32(image_jpeg)}
    return json.dumps(header).encode() + b"\n" + image_jpeg


def _decode(data: bytes) -> tuple[AlertSubmission, bytes]:
    line, _, image = data.partition(b"\n")
    header = json.loads(line)
    if len(image) != header["image_bytes"] or zlib.crc32(image) != header["crc32"]:
        raise ValueError("the picture is not what was written")
    return AlertSubmission.model_validate(header["alert"]), image


def _write_durably(folder: Path, name: str, data: bytes) -> None:
    """Puts a file into its place at once and for good (POSIX: rename is atomic; fsync both file and folder)."""
    if not folder.exists():
        folder.mkdir(exist_ok=True)
        _sync(folder.parent)
    unfinished = folder / f"{name}.part"
    try:
        with unfinished.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(folder / name)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    _sync(folder)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
