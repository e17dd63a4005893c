"""Cut the clip of an alert, the seconds before and after it, from the stream's own packets without re-encoding.

If the same packets are recorded, the clip is left to the recording: it becomes a part of it once that is stored. A
clip of its own is made if this fails, so the packets are kept until then.

Packets of the last seconds are kept as received, in groups (a keyframe and the frames that need it), so that each
clip starts with a decodable frame. Everything runs in the reading thread; only `request` may be called from another
one. Memory is bounded: if the packets around an event take more than `ClipLimits.max_bytes`, the clip is shorter but
still contains the event.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from fractions import Fraction
from typing import Protocol

import av
import av.error

from cctv.clips.audio import AudioBuffer, AudioError, AudioFormat, AudioPacket, AudioTrack, ShownPacket, make_track
from cctv.clips.audio_requests import AudioRequests
from cctv.clips.mp4 import SAMPLE_ENTRIES, mux
from cctv.clips.packet_buffer import Packet, PacketBuffer, begins_anew, fitting
from cctv.clips.packet_copier import PacketCopier
from cctv.logs import camera_logger
from vigil_contracts.alert import ClipSubmission

OnClip = Callable[[ClipSubmission, bytes], None]

_LEAST_SECONDS_BEFORE, _LEAST_SECONDS_AFTER = 1.0, 2.0
"""Time around the event that a clip keeps, if possible, when the packets exceed the limit."""
_PATIENCE_SECONDS = 60.0
"""A clip is abandoned this long after its last second if no stream has delivered it."""
_WRITING_SECONDS, _STORING_SECONDS = 30.0, 5.0
"""A clip is no longer left to the recording so long after its last second, or after its last segment is written."""
_AUDIO_SHARE = 1 / 8
"""The fraction of a clip that audio may take: enough for 10 s of uncompressed stereo in the default size."""
_AUDIO_WAIT_SECONDS = 0.5
"""How much later than its video audio may arrive: cameras buffer audio for longer before they send it."""
_INDEX_SHARE = 1 / 16
"""The fraction of a clip besides packets: an index entry takes 48 bytes, a packet at a high bit rate thousands."""


class ClipOutcome(StrEnum):
    """The outcome of a clip, as counted by `vigil_clips_total`."""

    COMPLETE = "complete"
    SHORTENED = "shortened"
    MISSING = "missing"
    RECORDED = "recorded"


def _count_nothing(_outcome: ClipOutcome) -> None:
    """Count nothing: the default for recorders without metrics."""


@dataclass(frozen=True, slots=True)
class ClipLimits:
    """How long and how large a clip may be; `max_bytes` bounds the packets that are kept as well."""

    seconds_before: float = 5.0
    seconds_after: float = 5.0
    max_bytes: int = 16 * 1024 * 1024

    @property
    def is_on(self) -> bool:
        """Return whether clips are enabled."""
        return self.seconds_before + self.seconds_after > 0 and self.max_bytes > 0

    @property
    def packet_bytes(self) -> int:
        """Return the maximum size of a clip's packets."""
        return round(self.max_bytes * (1 - _INDEX_SHARE))


class RecordedClips(Protocol):
    """The recording of the same packets. Times are on the monotonic clock."""

    def ask_for_clip(self, event_id: str, first: float, last: float) -> bool:
        """Return whether the recording is to contain the clip; it is then asked for until `forget_clip`."""
        ...

    def has_clip(self, event_id: str) -> bool:
        """Return whether a clip that was asked for is stored, and its alert names it."""
        ...

    def is_written_until(self, at: float) -> bool:
        """Return whether the segments until then are closed."""
        ...

    def forget_clip(self, event_id: str) -> None:
        """Ask for this clip no longer."""
        ...


@dataclass(frozen=True, slots=True)
class _Request:
    event_id: str
    happened_at: float
    left_to: RecordedClips | None = None
    left_until: float = float("inf")


class ClipRecorder:
    """Creates one camera's clips. `request` is thread-safe; each connection has its own `Recording`."""

    def __init__(
        self,
        camera_id: int,
        limits: ClipLimits,
        on_clip: OnClip,
        on_outcome: Callable[[ClipOutcome], None] = _count_nothing,
    ) -> None:
        self.camera_id, self.limits, self.on_clip, self.on_outcome = camera_id, limits, on_clip, on_outcome
        self.log = camera_logger(camera_id)
        self.audio = AudioRequests(self.log, "clips", lambda: self.limits.is_on)
        self._lock = threading.Lock()
        self._wanted: list[_Request] = []
        self._problem = ""
        self.epoch = 0
        """Raised by `forget`: recordings of earlier epochs must not become clips."""

    def request(self, event_id: str, happened_at: float) -> None:
        """Request an alert's clip. `happened_at`: when its frame was received, on the monotonic clock."""
        if not self.limits.is_on:
            return
        for _ in self.before(happened_at - self.limits.seconds_after - _PATIENCE_SECONDS):
            self.on_outcome(ClipOutcome.MISSING)  # no connection has taken them: the stream is MJPEG or unavailable
        with self._lock:
            self._wanted.append(_Request(event_id, happened_at))

    def due(self, received_until: float) -> list[_Request]:
        """Remove and return the requests whose last packet has arrived."""
        return self.before(received_until - self.limits.seconds_after)

    def keep(self, wanted: _Request) -> None:
        """Return a request that is not done."""
        with self._lock:
            self._wanted.append(wanted)

    def before(self, happened_until: float) -> list[_Request]:
        """Remove and return the requests whose events happened by then."""
        with self._lock:
            due = [one for one in self._wanted if one.happened_at <= happened_until]
            self._wanted = [one for one in self._wanted if one not in due]
            return due

    def earliest(self) -> float | None:
        """Return the time of the earliest event that waits for its clip; None if none does."""
        with self._lock:
            return min((one.happened_at for one in self._wanted), default=None)

    def needed_since(self, now: float) -> float:
        """Return the earliest time at which a clip may still begin."""
        earliest = self.earliest()
        return min(now, now if earliest is None else earliest) - self.limits.seconds_before

    def forget(self) -> None:
        """Use nothing that was received or requested until now; callable from any thread.

        What the camera's privacy masks hide has changed: the packets that are kept may show it.
        """
        self.epoch += 1
        for wanted in self.before(float("inf")):
            if wanted.left_to is not None:
                wanted.left_to.forget_clip(wanted.event_id)
            self.on_outcome(ClipOutcome.MISSING)

    @property
    def problem(self) -> str:
        """Return why the current connection gives no clips although its camera has privacy masks; or empty."""
        return self._problem if self.limits.is_on else ""

    def report_unmasked(self, problem: str) -> None:
        """Note and log why there are no clips of a camera with privacy masks."""
        self._problem = problem
        if self.limits.is_on:
            self.log.error("no clips, since the camera has privacy masks: %s", problem)

    def recording(
        self,
        codec: str,
        extradata: bytes | None,
        display_aspect: Fraction | None = None,
        audio: AudioFormat | None = None,
        recorded: RecordedClips | None = None,
    ) -> "Recording | None":
        """Return a recording for a new connection; None if clips cannot contain its codec.

        `codec` is libav's name, `extradata` the parameter sets of the SDP (Annex B), where it has any.
        `display_aspect`: width divided by height as shown; None: as the stream declares. `audio`: the format of the
        audio to keep; None: no audio. `recorded`: the recording of this connection; None: it is not recorded.
        """
        self._problem = ""
        if not self.limits.is_on or codec not in SAMPLE_ENTRIES:
            return None
        return Recording(self, codec, extradata, display_aspect, audio, recorded)


class Recording:
    """The packets of one connection. Used by the thread that reads it, while its container is open."""

    def __init__(
        self,
        recorder: ClipRecorder,
        codec: str,
        extradata: bytes | None,
        display_aspect: Fraction | None = None,
        audio: AudioFormat | None = None,
        recorded: RecordedClips | None = None,
    ) -> None:
        self._recorded = recorded
        self._recorder, self._codec, self._display_aspect = recorder, codec, display_aspect
        self._epoch = recorder.epoch
        self._copier = PacketCopier(codec, extradata)
        self._buffer = PacketBuffer()
        self._audio = (
            AudioBuffer(audio, round(recorder.limits.max_bytes * _AUDIO_SHARE)) if audio is not None else None
        )
        self._max_bytes = recorder.limits.packet_bytes - (self._audio.max_bytes if self._audio is not None else 0)
        self._dropped_until = float("-inf")
        """Packets up to this time, on the monotonic clock, were dropped for lack of space."""

    def add(self, packet: "av.Packet[av.VideoStream]") -> None:
        """Store a packet and create the clips that end with it."""
        if self._epoch != self._recorder.epoch:
            return
        now = time.monotonic()
        copied = self._copier.copy(packet, now)
        if copied is None:
            return
        self._buffer.add(copied)
        if not self._buffer.size_bytes and self._dropped_until > float("-inf"):
            self._dropped_until = now  # the keyframe of this packet was dropped
        for wanted in self._recorder.due(now - (_AUDIO_WAIT_SECONDS if self._audio is not None else 0.0)):
            self._finish(wanted, now)
        self._buffer.forget_before(self._recorder.needed_since(now))
        while self._buffer.size_bytes > self._max_bytes:
            self._make_room(now)
        if self._audio is not None and (begins_at := self._buffer.begins_at) is not None:
            self._audio.forget_before(begins_at - _AUDIO_WAIT_SECONDS)

    def add_audio(self, packet: "av.Packet[av.AudioStream]") -> None:
        """Store an audio packet of the recording's format."""
        if self._audio is not None and packet.size:
            self._audio.add(AudioPacket.copy(packet, time.monotonic()))

    def _finish(self, wanted: _Request, now: float) -> None:
        """Leave a clip whose packets are complete to the recording, or make it."""
        if wanted.left_to is None:
            wanted = self._ask(wanted, now)
        elif wanted.left_to.has_clip(wanted.event_id):
            self._recorder.on_outcome(ClipOutcome.RECORDED)
            return
        if wanted.left_to is None or now > wanted.left_until:
            self._make(wanted)
            return
        if wanted.left_to.is_written_until(wanted.happened_at + self._recorder.limits.seconds_after):
            wanted = replace(wanted, left_until=min(wanted.left_until, now + _STORING_SECONDS))
        self._recorder.keep(wanted)

    def _ask(self, wanted: _Request, now: float) -> _Request:
        """Ask the recording for the clip, if what it contains can be played from the clip's first keyframe."""
        limits = self._recorder.limits
        begin = self._buffer.begin_of(wanted.happened_at - limits.seconds_before)
        if self._recorded is None or begin is None or begin.received_at > wanted.happened_at:
            return wanted
        is_left = begins_anew(begin, self._codec) and self._recorded.ask_for_clip(
            wanted.event_id, begin.received_at, wanted.happened_at + limits.seconds_after
        )
        return replace(wanted, left_to=self._recorded, left_until=now + _WRITING_SECONDS) if is_left else wanted

    def end(self) -> None:
        """Create the waiting clips from the available packets, since the connection ends."""
        if self._epoch != self._recorder.epoch:
            return
        for wanted in self._recorder.due(float("inf")):
            self._make(wanted)

    def _make_room(self, now: float) -> None:
        """Drop the oldest group, after creating the clips whose events are in it."""
        event_at, begins_at = self._recorder.earliest(), self._buffer.second_begins_at
        if event_at is not None:
            is_young = now - event_at < _LEAST_SECONDS_AFTER
            latest_begin = event_at - (0.0 if is_young else _LEAST_SECONDS_BEFORE)
            if begins_at is None or begins_at > latest_begin:
                for wanted in self._recorder.before(event_at):
                    self._make(wanted, is_early=now - wanted.happened_at < self._recorder.limits.seconds_after)
                return
        self._buffer.drop_oldest()
        self._dropped_until = now if begins_at is None else begins_at

    def _make(self, wanted: _Request, *, is_early: bool = False) -> None:
        """Create a clip. A failure is only logged and counted: the alert was sent long ago."""
        if wanted.left_to is not None:
            wanted.left_to.forget_clip(wanted.event_id)
        recorder, limits = self._recorder, self._recorder.limits
        first, last = wanted.happened_at - limits.seconds_before, wanted.happened_at + limits.seconds_after
        window = self._buffer.between(first, last)
        packets = fitting(window, wanted.happened_at, self._max_bytes)
        if not packets:
            self._miss(wanted, self._missing_problem(wanted))
            return
        try:
            content, seconds = self._mux(packets)
            recorder.on_clip(self._submission(wanted, packets[0].received_at, seconds), content)
        except (av.error.FFmpegError, ValueError, OSError) as error:
            self._miss(wanted, type(error).__name__)
            return
        if is_early or self._dropped_until > first or len(packets) < len(window):
            recorder.on_outcome(ClipOutcome.SHORTENED)
            recorder.log.warning(
                "clip for event %s shortened to %.1f s before and %.1f s after it: %s",
                wanted.event_id,
                max(0.0, wanted.happened_at - packets[0].received_at),
                max(0.0, packets[-1].received_at - wanted.happened_at),
                self._space_problem(),
            )
        else:
            recorder.on_outcome(ClipOutcome.COMPLETE)

    def _mux(self, packets: list[Packet]) -> tuple[bytes, float]:
        """Return the MP4 and its duration in seconds; without audio if the audio fails."""
        audio = self._audio
        if audio is None:
            return mux(packets, self._codec, self._display_aspect)

        def make_audio(video: list[ShownPacket], seconds: float) -> AudioTrack | None:
            return make_track(audio.format, audio.packets(), video, seconds)

        try:
            made = mux(packets, self._codec, self._display_aspect, make_audio)
        except (av.error.FFmpegError, ValueError, OSError) as error:
            made = mux(packets, self._codec, self._display_aspect)
            self._recorder.audio.report(str(error) if isinstance(error, AudioError) else type(error).__name__)
        else:
            self._recorder.audio.accept()
        return made

    def _miss(self, wanted: _Request, problem: str) -> None:
        self._recorder.on_outcome(ClipOutcome.MISSING)
        self._recorder.log.warning("no clip for event %s: %s", wanted.event_id, problem)

    def _missing_problem(self, wanted: _Request) -> str:
        if not self._copier.has_parameter_sets:
            return "the camera has sent no parameter sets (SPS, PPS); restart the camera if this persists"
        if self._dropped_until > wanted.happened_at - self._recorder.limits.seconds_before:
            return self._space_problem()
        return "no packets were received at that time"

    def _space_problem(self) -> str:
        return (
            f"the packets take more than VIGIL_CLIP_MAX_BYTES ({self._recorder.limits.max_bytes} bytes);"
            " lower the bit rate, set a keyframe every 1 or 2 s, or raise the limit"
        )

    def _submission(self, wanted: _Request, received_at: float, seconds: float) -> ClipSubmission:
        began = datetime.fromtimestamp(time.time() - (time.monotonic() - received_at), UTC)
        return ClipSubmission(
            event_id=wanted.event_id,
            camera=self._recorder.camera_id,
            started_at=began,
            duration_seconds=round(seconds, 3),
        )
