"""What the API asks of this detector, heard over one stream: live pictures, new settings, tries, searches."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from cctv.runtime.api import Api
from cctv.streams.discovery import discover
from cctv.streams.probe import Prober
from vigil_contracts.api_client import ApiClient, ApiError
from vigil_contracts.backoff import Backoff
from vigil_contracts.errands import Errand, ErrandKind
from vigil_contracts.names import Reason

log = logging.getLogger("cctv")

AT_ONCE = 4
"""Tries at streams, and searches, at the same time."""
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 15.0


class Errands:
    """A thread that listens, and a few that try streams and look for cameras.

    `look`: the camera's pictures are wanted for so many seconds. `changed`: a camera's configuration has changed.
    """

    def __init__(
        self, api: Api, prober: Prober, look: Callable[[int, float], None], changed: Callable[[], None]
    ) -> None:
        self._api, self._prober, self._look, self._changed = api, prober, look, changed
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="probe")
        self._thread = threading.Thread(target=self._run, name="errands", daemon=True)
        self.is_listening = False

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends; what is under way may go on for a moment. The thread dies with the API's client."""
        self._stopping.set()
        self._prober.stop()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        backoff = Backoff(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
        is_known = False
        while not self._stopping.is_set():
            try:
                self._api.call(self._listen)
                backoff.reset()
                is_known = False
            except ApiError as error:
                # The client is closed under this thread at the end.
                if not is_known and not self._stopping.is_set():
                    log.warning("the API cannot be listened to: %s", error)
                is_known = True
            except RuntimeError:
                return
            finally:
                self.is_listening = False
            self._stopping.wait(backoff.next_seconds())

    def _listen(self, client: ApiClient) -> None:
        for errand in client.errands():
            self.is_listening = True
            if self._stopping.is_set():
                return
            if errand is not None:
                self.take(errand)

    def take(self, errand: Errand) -> None:
        """Does it, or has it done."""
        if errand.kind is ErrandKind.LIVE and errand.camera is not None and errand.seconds:
            self._look(errand.camera, errand.seconds)
        elif errand.kind is ErrandKind.CONFIGURATION:
            self._changed()
        elif errand.kind in {ErrandKind.PROBE, ErrandKind.DISCOVERY} and errand.id is not None:
            self._pool.submit(self._inquire, errand.id)

    def _inquire(self, errand_id: UUID) -> None:
        try:
            claimed = self._api.call(lambda client: client.claim_errand(errand_id))
            if claimed.kind is ErrandKind.DISCOVERY:
                found = discover()
                self._api.call(lambda client: client.answer_errand(errand_id, found))
                log.info("cameras were looked for: %d answered", len(found.cameras))
            elif claimed.rtsp_url is not None:
                done = self._prober.probe(claimed.rtsp_url.get_secret_value(), claimed.transport)
                self._api.call(lambda client: client.answer_errand(errand_id, done.result, done.snapshot_jpeg))
                if done.result.reason is not Reason.STREAMING:
                    log.info("a stream was tried: %s", done.result.reason)
        except ApiError as error:
            if error.status not in {404, 409}:  # another detector was faster
                log.warning("an errand could not be done: %s", error)
        except Exception:  # one errand must not end the others
            log.exception("an errand could not be done")
