"""Track the health of one camera's stream; provides the content of its heartbeat."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from cctv.streams.faults import NEEDS_A_PERSON, StreamFault
from cctv.streams.source import StreamInfo
from vigil_contracts.bounds import MAX_FRAMES_PER_SECOND
from vigil_contracts.health import Heartbeat, InferenceHealth, StreamHealth
from vigil_contracts.names import REASON_TEXTS, CameraPhase, Reason

FAILED_AFTER_SECONDS = 60.0
"""Without a frame for this long, a stream is `Failed` and no longer `Degraded`."""

_ONLY_STORING = frozenset({Reason.RECORDING_UNAVAILABLE, Reason.AUDIO_UNAVAILABLE})
"""Frames arrive and are analysed, but what is stored of them lacks something: the camera is `Streaming`."""

_RATE_WEIGHT = 0.05
_RATE_AFTER_SECONDS = 1.0
"""The frame rate is measured after this time only: cameras first send their buffered frames in a burst."""


def phase_of(reason: Reason, seconds_without_frame: float) -> CameraPhase:
    """Return the phase for a reason that a detector reports."""
    if reason is Reason.STARTING:
        return CameraPhase.STARTING
    if reason is Reason.STREAMING or reason in _ONLY_STORING:
        return CameraPhase.STREAMING
    if reason in NEEDS_A_PERSON or seconds_without_frame > FAILED_AFTER_SECONDS:
        return CameraPhase.FAILED
    return CameraPhase.DEGRADED


class CameraHealth:
    """Thread-safe. `on_change` is called without arguments, and with no lock held, when the reason changes."""

    def __init__(
        self, on_change: Callable[[], None] = lambda: None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._on_change, self._monotonic = on_change, monotonic
        self._lock = threading.Lock()
        self._reason, self._message = Reason.STARTING, REASON_TEXTS[Reason.STARTING]
        self._analysis_problem: str | None = None
        self._blindness: StreamFault | None = None
        self._events_fault: StreamFault | None = None
        self._storing_fault: StreamFault | None = None
        self._info: StreamInfo | None = None
        self._last_picture_at: datetime | None = None
        self._last_picture_seconds = self._since = monotonic()
        self._interval_seconds: float | None = None
        self._streaming_since = self._since
        self._model = InferenceHealth()

    @property
    def reason(self) -> Reason:
        """Return the reason for the stream's current state."""
        with self._lock:
            return self._reason

    @property
    def message(self) -> str:
        """Return the reason's text for users."""
        with self._lock:
            return self._message

    @property
    def is_streaming(self) -> bool:
        """Return whether frames arrive."""
        return self.reason is Reason.STREAMING

    def seconds_without_frame(self) -> float:
        """Return the seconds since the last frame, or since the start."""
        with self._lock:
            return self._monotonic() - self._last_picture_seconds

    def record_frame(self, info: StreamInfo, received_at: datetime) -> None:
        """Record that a frame has arrived."""
        with self._lock:
            now = self._monotonic()
            since_last, self._last_picture_seconds = now - self._last_picture_seconds, now
            streaming = self._reason is Reason.STREAMING
            if not streaming:
                self._streaming_since = now
            elif now - self._streaming_since > _RATE_AFTER_SECONDS:
                former = self._interval_seconds if self._interval_seconds is not None else since_last
                self._interval_seconds = former + _RATE_WEIGHT * (since_last - former)
            self._info, self._last_picture_at = info, received_at
        if not streaming:
            self._set(Reason.STREAMING, REASON_TEXTS[Reason.STREAMING])

    def fault(self, fault: StreamFault) -> None:
        """Record that the stream has failed, has ended or cannot be analysed."""
        self._set(fault.reason, str(fault))

    def set_analysis_problem(self, problem: str | None) -> None:
        """Record why arriving frames are not analysed; None: they are."""
        with self._lock:
            differs, self._analysis_problem = problem != self._analysis_problem, problem
        if differs:
            self._on_change()

    def runs(self, model: InferenceHealth) -> None:
        """Record what the camera's model uses; the decoder is part of the stream."""
        with self._lock:
            self._model = model

    def inference(self) -> InferenceHealth:
        """Return what the camera's detector uses."""
        with self._lock:
            return self._model.model_copy(update={"decoder": self._info.decoder if self._info else ""})

    def blind(self, fault: StreamFault | None) -> None:
        """Record that frames cannot be analysed although they may arrive; None clears it."""
        with self._lock:
            before, self._blindness = self._current_reason()[0], fault
            differs = self._current_reason()[0] is not before
        if differs:
            self._on_change()

    def set_events_fault(self, fault: StreamFault | None) -> None:
        """Record why the camera's own events cannot be received; None: they can, or are not asked for."""
        with self._lock:
            before, self._events_fault = self._current_reason()[0], fault
            differs = self._current_reason()[0] is not before
        if differs:
            self._on_change()

    def set_storing_problems(self, video: str, audio: str) -> None:
        """Record why the camera's video is not stored, or has no audio although it should; empty: all is well."""
        fault = None
        if video:
            fault = StreamFault(Reason.RECORDING_UNAVAILABLE, video)
        elif audio:
            fault = StreamFault(Reason.AUDIO_UNAVAILABLE, audio)
        with self._lock:
            before, self._storing_fault = self._current_reason(), fault
            differs = self._current_reason() != before
        if differs:
            self._on_change()

    @property
    def blindness(self) -> Reason | None:
        """Return why frames cannot be analysed; None if they can."""
        with self._lock:
            return self._blindness.reason if self._blindness is not None else None

    def heartbeat(self, detector: str, revision: str, spooled_alerts: int) -> Heartbeat:
        """Return the current state as a heartbeat."""
        with self._lock:
            rate = 1.0 / self._interval_seconds if self._interval_seconds else None
            streaming, info = self._reason is Reason.STREAMING, self._info
            reason, message = self._current_reason()
            return Heartbeat(
                phase=phase_of(reason, self._monotonic() - self._last_picture_seconds),
                reason=reason,
                message=message[:500],
                stream=StreamHealth(
                    width=(info.width or None) if info else None,
                    height=(info.height or None) if info else None,
                    codec=info.codec[:32] if info else None,
                    frames_per_second=round(min(rate, MAX_FRAMES_PER_SECOND), 2) if rate and streaming else None,
                    last_frame_time=self._last_picture_at,
                ),
                inference=self._model.model_copy(update={"decoder": info.decoder if info else ""}),
                spooled_alerts=spooled_alerts,
                detector=detector,
                revision=revision,
                sent_at=datetime.now(UTC),
            )

    def _set(self, reason: Reason, message: str) -> None:
        with self._lock:
            before = self._current_reason()[0]
            if reason is not self._reason:
                self._interval_seconds = None
            self._reason, self._message = reason, message
            differs = self._current_reason()[0] is not before
        if differs:
            self._on_change()

    def _current_reason(self) -> tuple[Reason, str]:
        """Return reason and message: those of the stream, or, if it is healthy, what else is wrong."""
        if self._blindness is not None and self._reason in {Reason.STARTING, Reason.STREAMING}:
            return self._blindness.reason, str(self._blindness)
        if self._analysis_problem and self._reason is Reason.STREAMING:
            return Reason.MODEL_INVALID, str(StreamFault(Reason.MODEL_INVALID, self._analysis_problem))
        if self._events_fault is not None and self._reason is Reason.STREAMING:
            return self._events_fault.reason, str(self._events_fault)
        if self._storing_fault is not None and self._reason is Reason.STREAMING:
            return self._storing_fault.reason, str(self._storing_fault)
        return self._reason, self._message
