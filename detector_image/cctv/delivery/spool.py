"""Keep alerts on disk until the API has stored them: one file per alert, first in first out per camera, bounded.

Why files and not a database: after `fsync` and rename a file is complete or absent, a file can be deleted on a full
disk (a database must write in order to delete), images are not copied through a journal, and the content can be
inspected with ordinary tools.

    <folder>/waiting/<camera>/<sequence>-<event id>.alert     one line of JSON, then the JPEG
    <folder>/waiting/<camera>/<sequence>-<event id>.picture   same format: a better image of that event
    <folder>/waiting/<camera>/<sequence>-<event id>.clip      same format, with an MP4
    <folder>/dead/<camera>/<same name>, <same name>.reason    dead letters: rejected permanently, with the reason
    <folder>/lock                                             held by the only process that uses the folder

Better images and clips are less important than alerts: they are sent when no alert of their camera waits, and are
dropped first when space runs out.

Crash safety: once `append` has returned, the alert will be sent, wherever the process is killed. It may be sent twice
(if killed between the API's answer and the deletion); the API recognises it by its `event_id`.
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

from cctv.common.durable import sync_folder
from vigil_contracts.alert import NEW_FIELDS, AlertSubmission, ClipSubmission, ImageSubmission

Submission = AlertSubmission | ImageSubmission | ClipSubmission

_KINDS: dict[str, type[Submission]] = {"alert": AlertSubmission, "picture": ImageSubmission, "clip": ClipSubmission}
"""Maps a kind to the file's suffix and the key in its header."""
_SUFFIXES = frozenset(f".{kind}" for kind in _KINDS)
_DEAD_SHARE = 10
"""Dead letters may use this fraction of the spool (1/N): they are kept for inspection only."""


class SpoolInUseError(Exception):
    """The folder is in use by another process."""


class DamagedAlertError(Exception):
    """A file's content differs from what was written."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One waiting alert, or a better image or clip of an alert."""

    camera_id: int
    path: Path
    sequence: int
    size_bytes: int

    @property
    def kind(self) -> str:
        """Return `alert`, `picture` or `clip`."""
        return self.path.suffix.removeprefix(".")

    @property
    def is_alert(self) -> bool:
        """Return whether this is an alert and not its image or clip."""
        return self.kind == "alert"


@dataclass(frozen=True, slots=True)
class Waiting:
    """The amount of waiting data; `size_bytes` includes images and clips."""

    alerts: int
    size_bytes: int


class Spool:
    """Thread-safe. `dropped` is called with a camera id and a cause (`full`, `old`) for every dropped alert."""

    def __init__(
        self,
        folder: Path,
        max_bytes: int,
        max_age_seconds: float = 7 * 86400.0,
        on_drop: Callable[[int, str], None] = lambda camera_id, why: None,
    ) -> None:
        self._waiting, self._dead = folder / "waiting", folder / "dead"
        self._max_bytes, self._max_age_seconds, self._on_drop = max_bytes, max_age_seconds, on_drop
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
            raise SpoolInUseError(
                f"another detector uses {folder}; set a different VIGIL_SPOOL_DIR for each"
            ) from None
        self._sequences = itertools.count(self._load() + 1)

    def close(self) -> None:
        """Release the folder for other processes."""
        self._lock_file.close()

    def append(self, submission: Submission, content: bytes) -> bool:
        """Store an alert or better image with its JPEG, or a clip with its MP4; return whether it was stored.

        After True only a disk failure can lose it. False: it was dropped and counted, since it is larger than the
        spool, or it is an image or clip and there is no space. Raises OSError if the disk fails, or if there is no
        space for an alert even after everything else was dropped; retry when the disk has space again.
        """
        data = _encode(submission, content)
        folder = self._waiting / str(submission.camera)
        is_alert = isinstance(submission, AlertSubmission)
        with self._lock:
            sequence = next(self._sequences)
            has_room = self._make_room(len(data), for_alert=is_alert)
        if not has_room:
            self._on_drop(submission.camera, "full")
            return False
        name = f"{sequence:012d}-{submission.event_id}.{_kind_of(submission)}"
        while True:
            try:
                _write_durably(folder, name, data)
                break
            except OSError as error:
                with self._lock:
                    if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                        raise
                    if not self._drop_oldest("full", for_alert=is_alert):
                        if is_alert:
                            raise
                        self._on_drop(submission.camera, "full")
                        return False
        with self._lock:
            entry = Entry(submission.camera, folder / name, sequence, len(data))
            self._queues.setdefault(submission.camera, deque()).append(entry)
            self._bytes += entry.size_bytes
        return True

    def head(self, camera_id: int) -> Entry | None:
        """Return the camera's next entry to send: the oldest alert, or the oldest image or clip if no alert waits."""
        with self._lock:
            queue = self._queues.get(camera_id)
            while queue:
                following = next((entry for entry in queue if entry.is_alert), queue[0])
                if time.time() - _modification_time(following.path) <= self._max_age_seconds:
                    return following
                self._drop(following, "old")
            return None

    def read(self, entry: Entry) -> tuple[Submission, bytes]:
        """Return an entry's submission and content. Raises `DamagedAlertError`."""
        try:
            return _decode(entry.path.read_bytes())
        except (ValueError, KeyError, StopIteration, OSError, ValidationError) as error:
            raise DamagedAlertError(f"{type(error).__name__}") from error

    def give_up(self, camera_id: int) -> None:
        """Count an alert as dropped that could never be written to disk."""
        self._on_drop(camera_id, "full")

    def done(self, entry: Entry) -> None:
        """Delete an entry that the API has stored."""
        # Without the lock: on a busy disk this takes milliseconds, for which the other cameras must not wait.
        entry.path.unlink(missing_ok=True)
        with self._lock:
            self._forget(entry)

    def bury(self, entry: Entry, reason: str) -> None:
        """Move an entry that the API rejects permanently to the dead letters, with the reason."""
        folder = self._dead / str(entry.camera_id)
        with self._lock:
            with contextlib.suppress(OSError):  # a full disk must not block the other alerts
                folder.mkdir(exist_ok=True)
                (folder / f"{entry.path.name}.reason").write_text(f"{reason}\n", encoding="utf-8")
                entry.path.rename(folder / entry.path.name)
            entry.path.unlink(missing_ok=True)
            self._forget(entry)
            self._trim_dead()

    def cameras(self) -> list[int]:
        """Return the cameras with waiting entries."""
        with self._lock:
            return [camera_id for camera_id, queue in self._queues.items() if queue]

    def waiting(self, camera_id: int | None = None) -> Waiting:
        """Return how much waits for one camera, or for all."""
        with self._lock:
            queues = self._queues.values() if camera_id is None else [self._queues.get(camera_id, deque())]
            entries = [entry for queue in queues for entry in queue]
            alerts = sum(entry.is_alert for entry in entries)
            return Waiting(alerts, sum(entry.size_bytes for entry in entries))

    def _load(self) -> int:
        """Load the entries of an earlier process; return the highest sequence number."""
        highest = 0
        for folder in sorted(path for path in self._waiting.iterdir() if path.name.isdigit()):
            entries = []
            for path in folder.iterdir():
                number = path.name.split("-", 1)[0]
                if path.suffix not in _SUFFIXES or not number.isdigit():
                    path.unlink()  # incomplete: `append` did not return for it
                    continue
                entries.append(Entry(int(folder.name), path, int(number), path.stat().st_size))
            entries.sort(key=lambda entry: entry.sequence)
            self._queues[int(folder.name)] = deque(entries)
            self._bytes += sum(entry.size_bytes for entry in entries)
            highest = max([highest, *(entry.sequence for entry in entries)])
        return highest

    def _make_room(self, size_bytes: int, *, for_alert: bool) -> bool:
        """Drop older entries until the size fits; return whether it does. A size that can never fit drops nothing."""
        if size_bytes > self._max_bytes:
            return False
        while self._bytes + size_bytes > self._max_bytes:
            if not self._drop_oldest("full", for_alert=for_alert):
                return False
        return True

    def _drop_oldest(self, why: str, *, for_alert: bool) -> bool:
        """Drop the oldest image or clip; without one, the oldest alert, but only in favour of another alert."""
        queues = self._queues.values()
        entries = [entry for queue in queues for entry in queue if for_alert or not entry.is_alert]
        if not entries:
            return False
        self._drop(min(entries, key=lambda entry: (entry.is_alert, entry.sequence)), why)
        return True

    def _drop(self, entry: Entry, why: str) -> None:
        if self._forget(entry):
            entry.path.unlink(missing_ok=True)
            self._on_drop(entry.camera_id, why)

    def _forget(self, entry: Entry) -> bool:
        """Take an entry out of its queue; return whether it was there: it may have been dropped while it was sent."""
        queue = self._queues.get(entry.camera_id)
        if not queue or entry not in queue:
            return False
        queue.remove(entry)
        self._bytes -= entry.size_bytes
        return True

    def _trim_dead(self) -> None:
        letters = [path for path in self._dead.glob("*/*") if path.suffix in _SUFFIXES]
        letters.sort(key=_modification_time, reverse=True)
        room = self._max_bytes // _DEAD_SHARE
        for path in letters:
            room -= path.stat().st_size
            if room < 0:
                path.unlink(missing_ok=True)
                path.with_name(f"{path.name}.reason").unlink(missing_ok=True)


def _modification_time(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return time.time()


def _encode(submission: Submission, content: bytes) -> bytes:
    """Encode an entry so that the previous version can read it: newer fields are separate keys that it ignores."""
    fields = submission.model_dump(mode="json")
    new = {name: value for name in sorted(NEW_FIELDS) if (value := fields.pop(name, None)) is not None}
    header = {_kind_of(submission): fields, "image_bytes": len(content), "crc32": zlib.crc32(content)}
    if new:
        header["new"] = new
    return json.dumps(header).encode() + b"\n" + content


def _decode(data: bytes) -> tuple[Submission, bytes]:
    line, _, content = data.partition(b"\n")
    header = json.loads(line)
    if len(content) != header["image_bytes"] or zlib.crc32(content) != header["crc32"]:
        raise ValueError("the content does not match its checksum")
    kind = next(kind for kind in _KINDS if kind in header)
    model = _KINDS[kind]
    new = {name: value for name, value in header.get("new", {}).items() if name in model.model_fields}
    return model.model_validate(header[kind] | new), content


def _kind_of(submission: Submission) -> str:
    return next(kind for kind, one in _KINDS.items() if isinstance(submission, one))


def _write_durably(folder: Path, name: str, data: bytes) -> None:
    """Create a file atomically and durably (POSIX: rename is atomic; fsync both file and folder)."""
    if not folder.exists():
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)
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
    sync_folder(folder)
