"""Store closed segments and register them with the API: oldest first for each camera, retrying until done.

The file is stored before it is registered, so the index never names a file that does not exist. In a directory it is
a second link to the spool's file, which costs no copy; the spool's own is removed once the API has registered it.
"""

import contextlib
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import httpx

from cctv.common.durable import sync_folder
from cctv.logs import camera_logger
from cctv.recording.spool import RecordingSpool, Waiting
from vigil_contracts.api_client import ApiError
from vigil_contracts.backoff import Backoff
from vigil_contracts.recording import (
    RecordingBatch,
    RecordingGap,
    RegisteredRecordings,
    UploadOrder,
    Uploads,
    recording_key,
)

log = logging.getLogger("cctv")

_LONGEST_PAUSE_SECONDS = 30.0
_WORKERS = 4
_IDLE_SECONDS = 1.0
_UPLOAD_TIMEOUT = httpx.Timeout(60.0, connect=5.0)

Register = Callable[[int, RecordingBatch], RegisteredRecordings]
"""Register with the API. Raises `ApiError`."""


class StoreError(Exception):
    """The storage is unavailable. The message contains no URL."""


class Store(Protocol):
    """Where segments are stored."""

    def put(self, camera_id: int, segments: list[Waiting]) -> None:
        """Store the files; one that is stored already is replaced. Raises StoreError or ApiError."""

    def close(self) -> None:
        """Close the connections."""


class DirectoryStore:
    """The backend's media directory, on this machine or on a shared volume.

    `may_create`: whether it is created now, at the first start of a detector. If it is missing later, its volume is
    away: a new folder in its place would be hidden when the volume is back, with all that is in it.
    """

    def __init__(self, root: Path, *, may_create: bool = True) -> None:
        self._root = root
        if may_create:
            with contextlib.suppress(OSError):  # `put` reports it
                root.mkdir(parents=True, exist_ok=True)

    def put(self, camera_id: int, segments: list[Waiting]) -> None:
        folders = set()
        try:
            self._root.stat()
            for one in segments:
                path = self._root / recording_key(camera_id, one.facts.start_ms)
                path.parent.mkdir(parents=True, exist_ok=True)
                _link(one.path, path)
                folders.add(path.parent)
            for folder in folders:
                sync_folder(folder)
        except OSError as error:
            raise StoreError(f"VIGIL_RECORDING_DIR: {error.strerror or error}") from None

    def close(self) -> None:
        """Do nothing: files have no connections."""


class UploadStore:
    """S3, by signed URLs from the API. `order` raises ApiError."""

    def __init__(self, order: Callable[[int, UploadOrder], Uploads], verify: bool = True) -> None:
        self._order = order
        self._http = httpx.Client(timeout=_UPLOAD_TIMEOUT, follow_redirects=False, verify=verify)

    def put(self, camera_id: int, segments: list[Waiting]) -> None:
        order = UploadOrder(starts_ms=tuple(one.facts.start_ms for one in segments))
        urls = {one.start_ms: one.url for one in self._order(camera_id, order).uploads}
        for one in segments:
            if one.facts.start_ms not in urls:
                raise StoreError(
                    "the backend stores media in a directory that this detector cannot reach; set "
                    "VIGIL_RECORDING_DIR to its MEDIA_DIR, or give the backend an S3 bucket (VIGIL_S3_BUCKET)"
                )
            self._upload(urls[one.facts.start_ms], one.path)

    def close(self) -> None:
        """Close the connections to the storage."""
        self._http.close()

    def _upload(self, url: str, path: Path) -> None:
        try:
            # Not as a stream: S3 refuses chunked bodies without a length.
            answer = self._http.put(url, content=path.read_bytes())
        except (httpx.HTTPError, OSError) as error:
            raise StoreError(f"could not upload a recording: {type(error).__name__}") from None
        if not answer.is_success:
            raise StoreError(f"could not upload a recording: the storage answers {answer.status_code}")


class _Route:
    """Delivery state of one camera."""

    def __init__(self) -> None:
        self.due = 0.0
        self.backoff = Backoff(1.0, _LONGEST_PAUSE_SECONDS)
        self.is_failing = False
        self.awaits_api = False


class RecordingSender:
    """A thread that empties the spool. `register` raises `ApiError`."""

    def __init__(self, spool: RecordingSpool, store: Store, register: Register) -> None:
        self._spool, self._store, self._register = spool, store, register
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._routes: dict[int, _Route] = {}
        self._thread = threading.Thread(target=self._run, name="recordings", daemon=True)

    def start(self) -> None:
        """Start, beginning with the segments of an earlier process."""
        self._thread.start()

    def notify(self) -> None:
        """Wake the thread because there is something to register."""
        self._wake.set()

    def api_is_back(self) -> None:
        """Retry at once because the API is reachable again."""
        waiting = [route for route in list(self._routes.values()) if route.awaits_api]
        for route in waiting:
            route.awaits_api, route.due = False, 0.0
        if waiting:
            self._wake.set()

    def stop(self, timeout_seconds: float) -> None:
        """Finish the current round; the rest stays on disk."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)

    def _run(self) -> None:
        with ThreadPoolExecutor(_WORKERS, thread_name_prefix="recordings") as pool:
            while not self._stopping.is_set():
                self._wake.wait(_IDLE_SECONDS)
                self._wake.clear()
                now = time.monotonic()
                due = [one for one in self._spool.cameras() if self._routes.setdefault(one, _Route()).due <= now]
                list(pool.map(self._serve, due))
        self._store.close()

    def _serve(self, camera_id: int) -> None:
        """Send what is waiting of one camera. An error only delays this camera."""
        route = self._routes[camera_id]
        try:
            self.send(camera_id)
        except (ApiError, StoreError) as error:
            if not route.is_failing:
                camera_logger(camera_id).warning("could not store recordings: %s; they stay on disk", error)
            route.is_failing = True
            route.awaits_api = isinstance(error, ApiError) and error.status is None
            wished = error.retry_after_seconds if isinstance(error, ApiError) else None
            route.due = time.monotonic() + route.backoff.next_seconds(wished or 0.0)
        except Exception:  # noqa: BLE001 - one faulty segment must not block those of the other cameras
            camera_logger(camera_id).exception("could not store recordings")
            route.due = time.monotonic() + _LONGEST_PAUSE_SECONDS
        else:
            if route.is_failing:
                camera_logger(camera_id).info("recordings are stored again")
            route.is_failing = route.awaits_api = False
            route.due = 0.0
            route.backoff.reset()

    def send(self, camera_id: int) -> None:
        """Store and register what is waiting of one camera. Raises ApiError or StoreError."""
        while not self._stopping.is_set():
            waiting, gaps = self._spool.waiting(camera_id), self._spool.gaps(camera_id)
            if not waiting and not gaps:
                return
            if waiting:
                self._store.put(camera_id, waiting)
            segments = tuple(one.segment for one in waiting)
            clips = self._spool.clips(camera_id, segments[-1].end_ms) if segments else []
            batch = RecordingBatch(segments=segments, gaps=tuple(gaps), clips=tuple(clips))
            self._finish(camera_id, waiting, gaps, self._register(camera_id, batch))

    def _finish(
        self, camera_id: int, waiting: list[Waiting], gaps: list[RecordingGap], answer: RegisteredRecordings
    ) -> None:
        stored = set(answer.stored)
        for one in waiting:
            if one.facts.start_ms in stored:
                self._spool.done(one)
        self._spool.gaps_done(camera_id, gaps)
        self._spool.clips_registered(camera_id, answer.clips)
        if answer.missing:
            raise StoreError(
                f"{len(answer.missing)} stored segments are not in the backend's storage; does VIGIL_RECORDING_DIR "
                "name its MEDIA_DIR?"
            )


def _link(source: Path, target: Path) -> None:
    """Give the file a second name; copy it where the file system differs. The sweep spares files of the last hour."""
    unfinished = target.with_name(f"{target.name}.part")
    unfinished.unlink(missing_ok=True)
    try:
        os.link(source, unfinished)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, unfinished)
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
    os.utime(unfinished)
    unfinished.replace(target)
