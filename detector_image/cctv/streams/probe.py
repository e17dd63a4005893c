"""Test a stream: which frames it delivers, or why none. Connects through the same gate as a camera's stream."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cctv.common.frame import Frame
from cctv.common.jpeg import render_jpeg
from cctv.common.polygons import Outline
from cctv.logs import redactor
from cctv.streams.faults import StreamFault
from cctv.streams.source import Source
from vigil_contracts.bounds import MAX_FRAMES_PER_SECOND
from vigil_contracts.detector_tasks import ProbeResult
from vigil_contracts.names import REASON_TEXTS, Reason, StreamTransport
from vigil_contracts.stream_url import secrets_of

SETTLE_SECONDS = 1.0
"""Frames are counted after this time only: cameras first send their buffered frames in a burst."""
MEASURE_SECONDS = 2.0
"""Frames are counted for this long: the rate that a stream declares is unreliable."""
LONGEST_SECONDS = 58.0
"""Longer than a source's own limits (`cctv.streams.rtsp.PICTURELESS_SECONDS`), so that a probe reports the same
reason as a camera's detector."""

MakeSource = Callable[[str, StreamTransport, Sequence[Outline]], Source]


@dataclass(frozen=True, slots=True)
class Probed:
    """The result of a test."""

    result: ProbeResult
    snapshot_jpeg: bytes | None = None


class Prober:
    """Tests streams; thread-safe."""

    def __init__(self, make_source: MakeSource) -> None:
        self._make_source = make_source
        self._lock = threading.Lock()
        self._under_way: set[Source] = set()

    def probe(self, url: str, transport: StreamTransport, privacy_masks: Sequence[Outline] = ()) -> Probed:
        """Test one stream. `privacy_masks`: areas of its image to black out, in fractions."""
        redactor.add(secrets_of(url))
        source = self._make_source(url, transport, privacy_masks)
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
        """Abort running tests."""
        with self._lock:
            for source in self._under_way:
                source.interrupt()


def _try(source: Source) -> Probed:
    source.open()
    snapshot: bytes | None = None
    is_damaged = False
    rate = _RateMeter()
    for picture in source.frames():
        if snapshot is None or is_damaged:  # an undamaged frame replaces a damaged one
            is_damaged = picture.is_corrupt
            frame = Frame.from_av(picture, datetime.now(UTC), time.monotonic(), 1, source.info().pixel_aspect)
            snapshot = render_jpeg(frame, None, "")
        if rate.is_known_after(time.monotonic()):
            break
    info, measured = source.info(), rate.per_second
    result = ProbeResult(
        answers=True,
        reason=Reason.STREAMING,
        message=REASON_TEXTS[Reason.STREAMING],
        codec=info.codec,
        width=info.width or None,
        height=info.height or None,
        frames_per_second=min(measured, MAX_FRAMES_PER_SECOND) if measured else None,
    )
    return Probed(result, snapshot)


class _RateMeter:
    """Measures the frame rate by arrival times."""

    def __init__(self) -> None:
        self._first_at = self._began_at = self._last_at = 0.0
        self._seen = self._count = 0

    def is_known_after(self, now: float) -> bool:
        """Take the next frame; return whether enough have arrived."""
        self._seen += 1
        if self._seen == 1:
            self._first_at = now
        elif not self._began_at:
            if now - self._first_at >= SETTLE_SECONDS:
                self._began_at = now
        else:
            self._count, self._last_at = self._count + 1, now
        return self._count > 0 and now - self._began_at >= MEASURE_SECONDS

    @property
    def per_second(self) -> float | None:
        return self._count / (self._last_at - self._began_at) if self._last_at > self._began_at else None
