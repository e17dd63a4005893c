"""Read a camera's main stream for clips and recordings while its sub-stream is analysed. Nothing is decoded.

A fault of this stream is logged and does not affect the detection: an alert is then stored without a clip.
"""

import threading
import time
from collections.abc import Callable

from cctv.logs import camera_logger
from cctv.streams.faults import StreamFault
from cctv.streams.reader import STEADY_SECONDS, ReaderOptions
from cctv.streams.source import PacketSource
from vigil_contracts.backoff import Backoff
from vigil_contracts.names import Reason


class ClipReader:
    """Reads one stream after the other between `start` and `stop`. The watchdog calls `check` about once a second."""

    def __init__(
        self,
        camera_id: int,
        make_source: Callable[[], PacketSource],
        options: ReaderOptions,
        on_fault: Callable[[Reason], None] = lambda _reason: None,
    ) -> None:
        self._make_source, self._options, self._on_fault = make_source, options, on_fault
        self._log = camera_logger(camera_id)
        self._backoff = Backoff(options.first_pause_seconds, options.longest_pause_seconds)
        self._stopping = threading.Event()
        self._source: PacketSource | None = None
        self._known: Reason | None = None
        self._progress_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=f"clips-{camera_id}", daemon=True)

    def start(self) -> None:
        """Start reading."""
        self._thread.start()

    def check(self) -> None:
        """End a read that hangs."""
        if time.monotonic() - self._progress_at > self._options.stuck_seconds:
            self._interrupt()

    def stop(self, timeout_seconds: float) -> bool:
        """Stop reading; return whether the thread has ended."""
        self._stopping.set()
        self._interrupt()
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _interrupt(self) -> None:
        source = self._source
        if source is not None:
            source.interrupt()

    def _run(self) -> None:
        while not self._stopping.is_set():
            began = self._progress_at = time.monotonic()
            fault = self._read_once()
            if self._stopping.is_set():
                return
            self._on_fault(fault.reason)
            if fault.reason is not self._known:
                self._log.warning(
                    "no clips or recordings for now, could not read the main stream: %s %s", fault.reason, fault
                )
            self._known = fault.reason
            if time.monotonic() - began >= STEADY_SECONDS:
                self._backoff.reset()
            self._pause(self._backoff.next_seconds())

    def _read_once(self) -> StreamFault:
        source = self._source = self._make_source()
        try:
            if self._stopping.is_set():  # before the source could be interrupted
                return StreamFault(Reason.STREAM_ENDED)
            source.open()
            for _ in source.packets():
                self._progress_at = time.monotonic()
                if self._stopping.is_set():
                    break
                if self._known is not None:
                    self._known = None
                    self._log.info("reading the main stream again")
        except StreamFault as fault:
            return fault.detached()
        except Exception as error:  # noqa: BLE001 - an unexpected error must not end the clips permanently
            self._log.exception("could not read the main stream")
            return StreamFault(Reason.STREAM_UNREACHABLE, type(error).__name__)
        finally:
            self._source = None
            source.close()
        return StreamFault(Reason.STREAM_ENDED)

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._stopping.is_set() and (left := until - time.monotonic()) > 0:
            self._progress_at = time.monotonic()
            self._stopping.wait(min(left, 5.0))
