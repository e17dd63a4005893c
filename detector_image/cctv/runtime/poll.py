"""Poll the API for the cameras to analyse: all active ones (poll mode) or one (pod mode)."""

import logging
import threading
import time
from collections.abc import Callable

from pydantic import ValidationError

from cctv.runtime.api import Api
from vigil_contracts.api_client import ActiveCameras, ApiError, problem_of
from vigil_contracts.backoff import Backoff

log = logging.getLogger("cctv")

_LONGEST_PAUSE_SECONDS = 8.0
"""Longest pause during an outage. A poll costs the API little (ETag), and recovery is noticed soon."""

_NOTIFIED_SECONDS = 8.0
"""Pause while the API notifies this process of changes: then the polls only make up for a lost notice."""

REFUSED_SECONDS = 120.0
"""A rejected token may be about to be rotated. After this time the camera counts as removed."""

Question = Callable[[], ActiveCameras | None]
"""Fetch the cameras to analyse; None if nothing has changed. Raises `ApiError`."""

Want = Callable[[ActiveCameras], None]


class AllCameras:
    """Poll mode: every active camera, or those of one group."""

    def __init__(self, api: Api, group: str) -> None:
        self._api, self._group, self._etag = api, group, ""

    def __call__(self) -> ActiveCameras | None:
        answer = self._api.call(lambda client: client.active_cameras(self._group, self._etag))
        self._etag = answer.etag
        return answer.value


class OneCamera:
    """Pod mode: one camera, fetched with its own token. An inactive or deleted camera (404) yields no camera."""

    def __init__(self, api: Api, camera_id: int) -> None:
        self._api, self._camera_id, self._etag = api, camera_id, ""
        self._refused_since: float | None = None

    def __call__(self) -> ActiveCameras | None:
        try:
            answer = self._api.call(lambda client: client.camera_configuration(self._camera_id, self._etag))
        except ApiError as error:
            if not self._is_gone(error):
                raise
            self._etag = ""
            return ActiveCameras(())
        except ValidationError as error:
            self._etag = ""
            return ActiveCameras((), frozenset({self._camera_id}), {self._camera_id: problem_of(error)})
        self._refused_since = None
        self._etag = answer.etag
        return None if answer.value is None else ActiveCameras((answer.value,))

    def _is_gone(self, error: ApiError) -> bool:
        if error.status in {401, 403}:
            self._refused_since = self._refused_since or time.monotonic()
            return time.monotonic() - self._refused_since > REFUSED_SECONDS
        self._refused_since = None
        return error.status in {404, 410}


class Poller:
    """Polls until stopped. While the API is unreachable, the last known cameras stay in use."""

    def __init__(
        self,
        ask: Question,
        want: Want,
        interval_seconds: float,
        on_answer: Callable[[], None],
        is_notified: Callable[[], bool] = lambda: False,
    ) -> None:
        self._ask, self._want, self._interval, self._on_answer = ask, want, interval_seconds, on_answer
        self._is_notified = is_notified
        self._failing = False
        self._asked = threading.Event()
        self._stopping = threading.Event()
        self.has_answer = False

    def ask_now(self) -> None:
        """Poll immediately because something has changed; callable from any thread."""
        self._asked.set()

    def stop(self) -> None:
        """Make `run` return soon; callable from any thread or signal handler."""
        self._stopping.set()
        self._asked.set()

    def run(self) -> None:
        """Poll until `stop`."""
        backoff = Backoff(self._interval, _LONGEST_PAUSE_SECONDS)
        while not self._stopping.is_set():
            self._asked.clear()
            if self._once():
                backoff.reset()
                self._pause()
            else:
                self._stopping.wait(backoff.next_seconds())

    def _pause(self) -> None:
        if not self._stopping.is_set():  # `stop` may have come before the clear
            self._asked.wait(max(self._interval, _NOTIFIED_SECONDS) if self._is_notified() else self._interval)

    def _once(self) -> bool:
        """Poll once; return whether the API answered."""
        try:
            wanted = self._ask()
        except ApiError as error:
            if not self._failing:
                log.warning("could not fetch the cameras to analyse: %s; keeping the last known ones", error)
            self._failing = True
            return False
        except ValueError as error:
            if not self._failing:
                log.error("could not parse the API's answer: %s", type(error).__name__)
            self._failing = True
            return False
        if self._failing:
            log.info("the API is reachable again")
        if self._failing or not self.has_answer:
            self._on_answer()
        self._failing, self.has_answer = False, True
        if wanted is not None:
            self._want(wanted)
        return True
