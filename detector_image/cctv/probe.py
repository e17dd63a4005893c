"""Tries a stream: does it give pictures, and which, or why not. By the same gate as any camera's stream."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from cctv.faults import StreamFault
from cctv.frame import Frame
from cctv.logs import redactor
from cctv.snapshot import render_jpeg
from cctv.source import Source
from vigil_contracts.bounds import MAX_FRAMES_PER_SECOND
from vigil_contracts.errands import ProbeResult
from vigil_contracts.names import REASON_TEXTS, Reason, StreamTransport
from vigil_contracts.stream_url import secrets_of

MEASURE_SECONDS = 2.0
"""How long pictures are counted where the stream does not say how many it gives."""
LONGEST_SECONDS = 25.0

MakeSource = Callable[[str, StreamTransport], Source]


@dataclass(frozen=True, slots=True)
class Probed:
    """What a try showed."""

    result: ProbeResult
    snapshot_jpeg: bytes | None = None


class Prober:
    """Tries streams; may be used by several threads."""

    def __init__(self, make_source: MakeSource) -> None:
        self._make_source = make_source
        self._lock = threading.Lock()
        self._under_way: set[Source] = set()

    def probe(self, url: str, transport: StreamTransport) -> Probed:
        """One try."""
        redactor.add(secrets_of(url))
        source = self._make_source(url, transport)
        with self._lock:
            self._under_way.add(source)
        timer = threading.Timer(LONGEST_SECONDS, source.interrupt)
        timer.daemon = True
        timer.start()
        try:
            return _try(source)
        except StreamFault as fault:
            return Probed(ProbeResult.fault(fault.reason, str(fault)))
        finally:
            timer.cancel()
            with self._lock:
                self._under_way.discard(source)
            source.close()

    def stop(self) -> None:
        """Ends what is under way."""
        with self._lock:
            for source in self._under_way:
                source.interrupt()


def _try(source: Source) -> Probed:
    source.open()
    snapshot: bytes | None = None
    first_at, count = 0.0, 0
    for picture in source.pictures():
        now = time.monotonic()
        if snapshot is None:
            snapshot = render_jpeg(Frame.from_av(picture, datetime.now(UTC), now, 1), None, "")
            first_at = time.monotonic()
            continue
        count += 1
        if source.info().frames_per_second or now - first_at >= MEASURE_SECONDS:
            break
    info = source.info()
    measured = count / max(0.001, time.monotonic() - first_at) if count else None
    rate = info.frames_per_second or measured  # a stream's header may claim any rate
    result = ProbeResult(
        answers=True,
        reason=Reason.STREAMING,
        message=REASON_TEXTS[Reason.STREAMING],
        codec=info.codec,
        width=info.width or None,
        height=info.height or None,
        frames_per_second=min(rate, MAX_FRAMES_PER_SECOND) if rate else None,
    )
    return Probed(result, snapshot)
