"""Keep one camera's stream open and hand its newest frame to the analysis: reconnects and limits the frame rate.

The reading thread blocks in libav. The watchdog calls `check` from another thread: it interrupts the source of a
reader without progress. If that does not help, it abandons the thread and starts a new one.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import av

from cctv.common.frame import Frame
from cctv.common.frame_rate import FrameRateLimit
from cctv.common.mailbox import Mailbox
from cctv.common.timestamps import TimestampCheck
from cctv.logs import camera_logger
from cctv.metrics import Metrics
from cctv.streams.damage import DamageFilter
from cctv.streams.faults import StreamFault
from cctv.streams.freeze import FreezeDetector, fingerprint
from cctv.streams.health import CameraHealth
from cctv.streams.source import Source, StreamInfo
from vigil_contracts.backoff import Backoff
from vigil_contracts.names import Reason

SourceFactory = Callable[[], Source]

FrameListener = Callable[[av.VideoFrame, datetime, float, float], None]
"""Receives each frame of the stream in the reading thread: the frame, its time of arrival (aware), the same moment on
the monotonic clock in seconds, and the pixel aspect ratio."""

STEADY_SECONDS = 10.0
"""A stream that lasted this long was healthy: after a clean end it is reopened without a pause."""

_INFO_EVERY_PICTURES = 25


@dataclass(frozen=True, slots=True)
class ReaderOptions:
    """Limits of a reader. `stuck_seconds`: time without any data, longer than the source's own time-outs."""

    stuck_seconds: float = 25.0
    abandon_seconds: float = 10.0
    frozen_after_seconds: float = 20.0
    first_pause_seconds: float = 1.0
    longest_pause_seconds: float = 60.0


class Reader:
    """Reads one camera. Call `start`, then `retarget` and `limit` when the configuration changes, then `stop`."""

    def __init__(
        self,
        camera_id: int,
        make_source: SourceFactory,
        frames_per_second: float,
        mailbox: Mailbox[Frame],
        health: CameraHealth,
        metrics: Metrics,
        options: ReaderOptions,
        on_frame: FrameListener | None = None,
        on_fault: Callable[[Reason], None] = lambda _reason: None,
    ) -> None:
        self.on_frame, self.on_fault = on_frame, on_fault
        self.camera_id = camera_id
        self.mailbox = mailbox
        self.health = health
        self.metrics = metrics
        self.options = options
        self.log = camera_logger(camera_id)
        self.make_source = make_source
        self.frame_limit = FrameRateLimit(frames_per_second)
        self.freeze = FreezeDetector(options.frozen_after_seconds)
        self.timestamps = TimestampCheck()
        self.damage = DamageFilter()
        self.sequence = 0
        self._lock = threading.Lock()
        self._watch: _Watch | None = None

    def start(self) -> None:
        """Start reading in a new thread."""
        with self._lock:
            self._watch = _Watch(self)
            self._watch.start()

    @property
    def is_started(self) -> bool:
        """Return whether the reader has been started."""
        with self._lock:
            return self._watch is not None

    def retarget(self, make_source: SourceFactory) -> None:
        """Switch to another stream."""
        self.make_source = make_source
        self.freeze = FreezeDetector(self.options.frozen_after_seconds)
        self.timestamps = TimestampCheck()
        with self._lock:
            if self._watch is not None:
                self._watch.reconnect()

    def limit(self, frames_per_second: float) -> None:
        """Limit the number of analysed frames per second."""
        self.frame_limit = FrameRateLimit(frames_per_second)

    def check(self) -> None:
        """End a read that hangs; the watchdog calls this about once a second."""
        with self._lock:
            watch = self._watch
            if watch is None:
                return
            idle = watch.idle_seconds()
            if idle > self.options.stuck_seconds + self.options.abandon_seconds:
                watch.abandon()
                self.log.error("the reading thread does not respond to an interrupt; starting a new one")
                self._watch = _Watch(self)
                self._watch.start()
            elif idle > self.options.stuck_seconds:
                watch.interrupt()

    def stop(self, timeout_seconds: float) -> bool:
        """Stop reading; return False if the thread did not end in time (it will deliver nothing more)."""
        with self._lock:
            watch, self._watch = self._watch, None
        return watch is None or watch.end(timeout_seconds)


class _Watch(threading.Thread):
    """The reading thread: opens one source after the other."""

    def __init__(self, reader: Reader) -> None:
        super().__init__(name=f"reader-{reader.camera_id}", daemon=True)
        self._reader = reader
        self._backoff = Backoff(reader.options.first_pause_seconds, reader.options.longest_pause_seconds)
        self._wake = threading.Event()
        self._stopping = False
        self._reconnecting = False
        self._source: Source | None = None
        self._is_refreshed = False
        self.progress_at = time.monotonic()

    def run(self) -> None:
        while not self._stopping:
            began = time.monotonic()
            self.progress_at = began
            self._wake.clear()
            self._reconnecting = False  # before the source is chosen: a change after this line is noticed
            fault = self._read_once()
            if self._stopping:
                return
            if self._reconnecting:
                continue
            self._pause_after(fault, time.monotonic() - began)

    def reconnect(self) -> None:
        """Reopen the reader's current source at once."""
        self._reconnecting = True
        self._backoff.reset()
        self._wake.set()
        self.interrupt()

    def interrupt(self) -> None:
        """Interrupt the current read."""
        source = self._source
        if source is not None:
            source.interrupt()

    @property
    def _is_superseded(self) -> bool:
        """Return whether the current source must deliver nothing more."""
        return self._stopping or self._reconnecting

    def idle_seconds(self) -> float:
        """Return the seconds without any data. The source itself handles packets without a frame."""
        source = self._source
        received_at = source.received_at() if source is not None else None
        return time.monotonic() - max(self.progress_at, received_at or 0.0)

    def abandon(self) -> None:
        """Discard everything this thread still delivers."""
        self._stopping = True
        self.interrupt()

    def end(self, timeout_seconds: float) -> bool:
        """Wait for the thread; return whether it has ended."""
        self._stopping = True
        self._wake.set()
        self.interrupt()
        self.join(timeout_seconds)
        return not self.is_alive()

    def _read_once(self) -> StreamFault:
        source = self._reader.make_source()
        self._source = source
        try:
            if not self._is_superseded:
                self._read(source)
            return StreamFault(Reason.STREAM_ENDED)
        except StreamFault as fault:
            return fault.detached()
        except Exception as error:  # an unexpected error in one connection must not end the detection
            self._reader.log.exception("could not read the stream")
            return StreamFault(Reason.STREAM_UNREACHABLE, type(error).__name__)
        finally:
            self._source = None
            source.close()

    def _read(self, source: Source) -> None:
        info = source.open()
        reader = self._reader
        reader.freeze.begin_stream()
        reader.timestamps.begin_stream()
        reader.damage.begin_stream()
        self.progress_at = time.monotonic()
        until_info = 0
        for picture in source.frames():
            self.progress_at = time.monotonic()
            if self._is_superseded:  # checked after the frame's time, which must not be that of a later source
                return
            if not until_info or (picture.width, picture.height) != (info.width, info.height):
                info, until_info = source.info(), _INFO_EVERY_PICTURES
            until_info -= 1
            self._take(picture, info, reader)
            del picture  # the next one may come seconds later, and a frame of 1080p is 3 MB

    def _take(self, picture: av.VideoFrame, info: StreamInfo, reader: Reader) -> None:
        now, received_at = self.progress_at, datetime.now(UTC)
        camera = str(reader.camera_id)
        reader.metrics.frames.labels(camera, "received").inc()
        reader.sequence += 1
        if reader.on_frame is not None:
            reader.on_frame(picture, received_at, now, info.pixel_aspect)
        self._judge_timestamps(picture, now)
        self._is_refreshed = self._is_refreshed or bool(picture.key_frame)
        if self._skips_damaged(picture, now) or not reader.frame_limit.is_due(now):
            if reader.health.is_streaming:
                reader.health.record_frame(info, received_at)
            return
        is_refreshed, self._is_refreshed = self._is_refreshed, False
        if reader.freeze.is_frozen(lambda: fingerprint(picture), now, is_refreshed=is_refreshed):
            raise StreamFault(Reason.STREAM_FROZEN)
        # A frozen camera must deliver a changed frame before it counts as healthy again.
        if reader.health.reason is Reason.STREAM_FROZEN and not reader.freeze.has_changed:
            return
        if not reader.health.is_streaming:
            reader.log.info("receiving frames: %s, %s × %s", info.codec, info.width, info.height)
            self._backoff.reset()
        reader.health.record_frame(info, received_at)
        reader.metrics.stream_up.labels(camera).set(1)
        reader.metrics.last_frame.labels(camera).set(received_at.timestamp())
        if reader.mailbox.put(Frame.from_av(picture, received_at, now, reader.sequence, info.pixel_aspect)):
            reader.metrics.frames.labels(camera, "dropped").inc()

    def _judge_timestamps(self, picture: av.VideoFrame, now: float) -> None:
        if self._reader.timestamps.finds_nonsense(picture.time, now):
            self._reader.log.warning(
                "the camera's RTP timestamps stand still or do not match the time in which frames arrive; "
                "using arrival times instead. Check the camera's clock and firmware"
            )

    def _skips_damaged(self, picture: av.VideoFrame, now: float) -> bool:
        reader, is_damaged = self._reader, picture.is_corrupt
        if reader.damage.skips(now, is_damaged=is_damaged):
            reader.metrics.frames.labels(str(reader.camera_id), "damaged").inc()
            return True
        if reader.damage.reports_damage(is_damaged=is_damaged):
            reader.log.warning(
                "every frame is damaged; analysing them anyway. Check the network for lost packets, and change the "
                "camera's transport to tcp if it is udp"
            )
        return False

    def _pause_after(self, fault: StreamFault, lasted_seconds: float) -> None:
        reader = self._reader
        known = reader.health.reason is fault.reason
        reader.on_fault(fault.reason)
        reader.health.fault(fault)
        reader.metrics.stream_up.labels(str(reader.camera_id)).set(0)
        reader.metrics.stream_reconnects.labels(str(reader.camera_id), fault.reason).inc()
        clean = fault.reason is Reason.STREAM_ENDED and lasted_seconds >= STEADY_SECONDS
        pause = 0.0 if clean else self._backoff.next_seconds()
        say = reader.log.debug if known else reader.log.warning
        # Pass the text, not the exception: a stored log record would keep the frames of its traceback in memory.
        say("%s %s Next try in %.0f s.", fault.reason, str(fault), pause)
        paused_at = time.monotonic()
        while not self._wake.is_set() and (left := paused_at + pause - time.monotonic()) > 0:
            self.progress_at = time.monotonic()
            self._wake.wait(min(left, 5.0))
