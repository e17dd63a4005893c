"""Record one camera: from the packets of its connections to closed segments and explained gaps in the spool.

Packets are written in the thread that reads the stream. A failing disk is logged and becomes a gap; it never disturbs
the stream or the detection. `note_…` may be called from any thread.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from fractions import Fraction
from functools import reduce
from operator import or_
from typing import Any

import av
import av.error

from cctv.clips.audio import AudioError, AudioFormat, AudioPacket
from cctv.clips.audio_requests import AudioRequests
from cctv.clips.mp4 import SAMPLE_ENTRIES
from cctv.clips.packet_buffer import Packet
from cctv.clips.packet_copier import PacketCopier
from cctv.logs import camera_logger
from cctv.recording.selection import Selection
from cctv.recording.sound import WAIT_SECONDS, SoundTrack
from cctv.recording.spool import RecordingSpool, Waiting
from cctv.recording.timeline import SEGMENT_SECONDS, TICKS_PER_SECOND, Cutter, Placed, Timeline
from cctv.recording.writer import SegmentWriter, VideoFormat
from vigil_contracts.geometry import Box
from vigil_contracts.motion_grid import cells_of_boxes
from vigil_contracts.preview import preview_box
from vigil_contracts.recording import (
    CLIP_EDGE_MS,
    GapReason,
    RecordedClip,
    RecordingGap,
    RecordingMode,
    RecordingSettings,
)

GAP_SECONDS = 1.0
"""A shorter time between two segments is no gap: the frames of a reconnect that came quickly."""
_CLOCK_STEP_SECONDS = 10.0
"""If the machine's clock went back by less than this, times wait for it; after a larger step they follow it."""
GATHERING_SECONDS = 0.5
"""So long a packet waits for more of them. Until then, a killed process loses it."""
_MOST_GATHERED = 64
_MOTION_FRAMES = 4096
_PREVIEWS = 8
_ERRORS = (av.error.FFmpegError, OSError, ValueError)

OnGap = Callable[[RecordingGap], None]


class SegmentRecorder:
    """One camera's recording. Each connection has its own `SegmentFeed`, one after the other."""

    def __init__(
        self,
        camera_id: int,
        settings: RecordingSettings,
        spool: RecordingSpool | None,
        on_kept: Callable[[Waiting], None] = lambda _kept: None,
        on_gap: OnGap = lambda _gap: None,
        wall_clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.camera_id, self.log = camera_id, camera_logger(camera_id)
        self.audio = AudioRequests(self.log, "recordings", lambda: self.is_on)
        self.wall_clock, self.monotonic = wall_clock, monotonic
        self._spool, self._on_kept, self._on_gap = spool, on_kept, on_gap
        self._lock = threading.Lock()
        self._undecided: list[Waiting] = []
        self._analysed: deque[tuple[float, bool, int]] = deque(maxlen=_MOTION_FRAMES)
        self._previews: deque[tuple[float, bytes]] = deque(maxlen=_PREVIEWS)
        self._preview_due_at = 0.0
        self._gap_reason: str = GapReason.RECORDER_STOPPED
        self._until_ms: int | None = None
        self._problem = self._unstorable = ""
        self.apply(settings)

    def apply(self, settings: RecordingSettings) -> None:
        """Use other settings for the next segments."""
        with self._lock:
            self.settings, self._selection = settings, Selection(settings)
        if self._spool is None:
            return
        if settings.mode is RecordingMode.OFF:
            self._spool.forget_until(self.camera_id)
            self._until_ms = None
        elif self._until_ms is None:
            self._until_ms = self._spool.recorded_until(self.camera_id)

    @property
    def is_on(self) -> bool:
        """Return whether the camera is recorded."""
        return self._spool is not None and self.settings.mode is not RecordingMode.OFF

    @property
    def problem(self) -> str:
        """Return why nothing is stored although the camera is to be recorded; empty if it is stored."""
        if not self.is_on:
            return ""
        return self._unstorable or (f"the detector could not write it: {self._problem}" if self._problem else "")

    def feed(
        self,
        codec: str,
        extradata: bytes | None,
        display_aspect: Fraction | None,
        audio: AudioFormat | None = None,
    ) -> "SegmentFeed | None":
        """Return the feed of a new connection; None if it is not recorded. Arguments as for clips."""
        self._unstorable = ""
        if self._spool is None or not self.is_on:
            return None
        if codec not in SAMPLE_ENTRIES:
            self._unstorable = f"{codec} cannot be recorded; set the camera to H.264 or H.265"
            self.log.warning("not recorded: %s", self._unstorable)
            return None
        return SegmentFeed(self, self._spool, codec, extradata, display_aspect, self._sound_track(audio))

    def _sound_track(self, audio: AudioFormat | None) -> SoundTrack | None:
        try:
            return None if audio is None else SoundTrack(audio)
        except AudioError as error:
            self.audio.report(str(error))
            return None

    def note_frame(
        self,
        at_monotonic: float,
        *,
        has_motion: bool,
        places: Sequence[Box] = (),
        preview: Callable[[], bytes] = bytes,
    ) -> None:
        """Note whether an analysed frame shows motion, and where. `at_monotonic`: when it was received.

        `preview` returns the frame as a small JPEG; called for one frame of each segment.
        """
        if not self.is_on:
            return
        at = at_monotonic + self.wall_offset()
        if at >= self._preview_due_at:
            self._preview_due_at = at + SEGMENT_SECONDS / 2
            with suppress(*_ERRORS), self._lock:  # a segment does without one
                self._previews.append((at, preview()))
        with self._lock:
            self._analysed.append((at, has_motion, cells_of_boxes(places)))
            if has_motion and self.settings.mode is RecordingMode.MOTION:
                self._selection.trigger(at)

    def note_alert(self, at_monotonic: float) -> None:
        """Note an alert, in every mode but `continuous` a reason to keep what is around it."""
        with self._lock:
            self._selection.trigger(at_monotonic + self.wall_offset())

    def ask_for_clip(self, event_id: str, first: float, last: float) -> bool:
        """As `cctv.clips.recorder.RecordedClips`, whose times are on the monotonic clock."""
        if self._spool is None or not self.is_on:
            return False
        try:
            clip = RecordedClip(event_id=event_id, start_ms=self._wall_ms(first), end_ms=self._wall_ms(last))
        except ValueError:  # longer than a recording keeps for an alert, or the machine's clock is wrong
            return False
        self._spool.add_clip(self.camera_id, clip)
        return True

    def has_clip(self, event_id: str) -> bool:
        """As `RecordedClips`."""
        return self._spool is not None and self._spool.is_clip_registered(self.camera_id, event_id)

    def is_written_until(self, at: float) -> bool:
        """As `RecordedClips`."""
        return (self._until_ms or 0) >= self._wall_ms(at) - CLIP_EDGE_MS

    def forget_clip(self, event_id: str) -> None:
        """As `RecordedClips`."""
        if self._spool is not None:
            self._spool.forget_clips(self.camera_id, [event_id])

    def _wall_ms(self, at_monotonic: float) -> int:
        return round((at_monotonic + self.wall_offset()) * 1000)

    def note_fault(self, reason: str) -> None:
        """Note why the stream has ended: the reason of the gap that follows."""
        self._gap_reason = reason

    def report_unmasked(self, problem: str) -> None:
        """Note and log why nothing is recorded of a camera with privacy masks; it is the gap's reason as well."""
        self._unstorable = problem
        if self.is_on:
            self.log.error("not recorded, since the camera has privacy masks: %s", problem)
            self.note_fault(GapReason.MASKING_UNAVAILABLE)

    def wall_offset(self) -> float:
        """Return Unix time minus monotonic time."""
        return self.wall_clock() - self.monotonic()

    def earliest_start(self, now: float) -> float:
        """Return the earliest time at which the next segment may start, so that segments do not overlap."""
        until = (self._until_ms or 0) / 1000
        return until if until - now < _CLOCK_STEP_SECONDS else 0.0

    def begin_segment(self, start_ms: int) -> None:
        """Store the gap before a segment that begins. Its end is only final once the segment is closed."""
        gap = self._gap_before(start_ms)
        if gap is not None and self._spool is not None:
            self._spool.add_gap(self.camera_id, gap)

    def end_segment(self, closed: Waiting) -> None:
        """Take a closed segment and decide on it, or on earlier ones."""
        if (gap := self._gap_before(closed.facts.start_ms)) is not None:
            self._on_gap(gap)
        self._gap_reason = GapReason.RECORDER_STOPPED
        self._until_ms = closed.segment.end_ms
        self._problem = ""
        with self._lock:
            self._undecided.append(closed)
        self.decide()

    def _gap_before(self, start_ms: int) -> RecordingGap | None:
        until = self._until_ms
        if until is None or start_ms - until <= GAP_SECONDS * 1000:
            return None
        return RecordingGap(start_ms=until, end_ms=start_ms, reason=self._gap_reason)

    def decide(self, *, is_last: bool = False) -> None:
        """Keep or delete closed segments; call it regularly, also while the stream is down. Raises OSError.

        `is_last`: nothing follows that could need them, but it is not certain that nothing has: keep them.
        """
        if self._spool is None:
            return
        for closed, is_kept in self._decided(is_last=is_last):
            if is_kept:
                self._spool.keep(closed)
                self._on_kept(closed)
            else:
                self._spool.discard(closed)

    def _decided(self, *, is_last: bool) -> list[tuple[Waiting, bool]]:
        """Remove and return the segments that can be decided on."""
        now, left, decided = self.wall_clock(), [], []
        with self._lock:
            for closed in self._undecided:
                start = closed.facts.start_ms / 1000
                verdict = self._selection.keeps(start, start + closed.facts.duration_ms / 1000, now)
                if verdict is None and not is_last:
                    left.append(closed)
                else:
                    decided.append((closed, verdict is not False))
            self._undecided = left
        return decided

    def preview_between(self, start: float, end: float) -> bytes:
        """Return the first preview of that time, as JPEG; empty if there is none."""
        with self._lock:
            while self._previews and self._previews[0][0] < start:
                self._previews.popleft()
            return self._previews[0][1] if self._previews and self._previews[0][0] < end else b""

    def motion_between(self, start: float, end: float) -> tuple[int, int]:
        """Return the percentage of the frames analysed in that time that show motion, and the cells where."""
        with self._lock:
            while self._analysed and self._analysed[0][0] < start:
                self._analysed.popleft()
            frames = [(has_motion, cells) for at, has_motion, cells in self._analysed if at < end]
        if not frames:
            return 0, 0
        percent = math.ceil(100 * sum(has_motion for has_motion, _ in frames) / len(frames))
        return percent, reduce(or_, (cells for _, cells in frames))

    def report(self, error: Exception) -> None:
        """Log a failure once, until a segment has been written again."""
        problem = (error.strerror if isinstance(error, OSError) else "") or str(error) or type(error).__name__
        if problem != self._problem:
            self._problem = problem
            self.log.error("could not record: %s; trying again with the next keyframe", problem)
        self._gap_reason = GapReason.WRITE_FAILED


class SegmentFeed:
    """The packets of one connection. Used by the thread that reads it, while its container is open."""

    def __init__(
        self,
        recorder: SegmentRecorder,
        spool: RecordingSpool,
        codec: str,
        extradata: bytes | None,
        display_aspect: Fraction | None,
        sound: SoundTrack | None,
    ) -> None:
        self._recorder, self._spool, self._codec, self._display_aspect = recorder, spool, codec, display_aspect
        self._copier = PacketCopier(codec, extradata)
        self._cutter = Cutter()
        self._timeline: Timeline | None = None
        self._format: VideoFormat | None = None
        self._format_headers = b""
        self._writer: SegmentWriter | None = None
        self._started_at = 0.0
        self._sound = sound
        self._gathered: list[tuple[av.Packet[Any], float, bool]] = []
        """Packets that are not written yet: when they were received, and whether they are video."""
        self._held: deque[tuple[Packet, Placed]] = deque()
        """Video that waits for its audio."""

    def add(self, packet: "av.Packet[av.VideoStream]") -> None:
        """Record a packet of video, soon: packets are written a few at a time, and at the latest with a keyframe.

        With many cameras a packet finds the caches of the processor without anything of the recorder. Then one packet
        alone costs several times as much as one that is written right after another.
        """
        self._gather(packet, is_video=True, is_urgent=packet.is_keyframe)

    def add_audio(self, packet: "av.Packet[av.AudioStream]") -> None:
        """Record a packet of audio, soon."""
        self._gather(packet, is_video=False)

    def _gather(self, packet: "av.Packet[Any]", *, is_video: bool, is_urgent: bool = False) -> None:
        now = self._recorder.monotonic()
        self._gathered.append((packet, now, is_video))
        is_full = len(self._gathered) >= _MOST_GATHERED or now - self._gathered[0][1] >= GATHERING_SECONDS
        if is_urgent or is_full:
            self._take_gathered()

    def _take_gathered(self) -> None:
        gathered, self._gathered = self._gathered, []
        for packet, received_at, is_video in gathered:
            if not is_video:
                if packet.size:
                    self.take_audio(AudioPacket.copy(packet, received_at))
            elif (copied := self._copier.copy(packet, received_at)) is not None:
                self.take(copied)

    def take(self, packet: Packet) -> None:
        """Record a packet that is copied; if there is audio, a moment later, so that both are in one file."""
        self._held.append((packet, self._place(packet)))
        until = packet.received_at - (WAIT_SECONDS if self._sound is not None else 0.0)
        while self._held and self._held[0][0].received_at <= until:
            self._write(*self._held.popleft())

    def take_audio(self, packet: AudioPacket) -> None:
        """Record a packet of audio that is copied. What comes before the first video is dropped."""
        if self._sound is None or not self._held:
            return
        try:
            self._sound.add(packet, *self._held[-1])
        except _ERRORS as error:
            self._recorder.audio.log(type(error).__name__)
        if problem := self._sound.problem:
            self._recorder.audio.report(problem)
        else:
            self._recorder.audio.accept()

    def _write(self, packet: Packet, placed: Placed) -> None:
        begins = self._cutter.begins(packet, placed)
        try:
            if begins or begins is None:
                self._close(placed.dts if begins and not placed.is_after_jump else None)
            if begins:
                self._open(packet, placed)
            if self._writer is not None:
                self._writer.write(packet.data, placed, is_keyframe=packet.is_keyframe)
                self._write_sound(self._writer, placed.dts)
        except _ERRORS as error:
            self._recorder.report(error)
            self._abandon()

    def end(self) -> None:
        """Close the last segment, since the connection ends."""
        self._take_gathered()
        while self._held:
            self._write(*self._held.popleft())
        try:
            self._close(None)
            self._recorder.decide()
        except _ERRORS as error:
            self._recorder.report(error)
        if self._format is not None:
            self._format.close()
            self._format = None

    def _place(self, packet: Packet) -> Placed:
        if self._timeline is None:
            recorder = self._recorder
            self._timeline = Timeline(recorder.wall_offset(), recorder.earliest_start(recorder.wall_clock()))
        return self._timeline.place(packet)

    def _open(self, packet: Packet, placed: Placed) -> None:
        if self._format is None or packet.headers is not self._format_headers:
            if self._format is not None:
                self._format.close()
                self._format = None
            self._format = VideoFormat(self._codec, packet.headers, packet.data, self._display_aspect)
            self._format_headers = packet.headers
        start_ms = round(placed.dts * 1000 / TICKS_PER_SECOND)
        part, sound = self._spool.part(self._recorder.camera_id, start_ms), self._sound
        self._writer = SegmentWriter(part, self._format, None if sound is None else sound.format)
        self._started_at = placed.seconds
        if sound is not None:
            sound.begin(placed.seconds)
        self._recorder.begin_segment(start_ms)

    def _write_sound(self, writer: SegmentWriter, until_ticks: int) -> None:
        if self._sound is not None:
            for sound in self._sound.until(until_ticks / TICKS_PER_SECOND):
                writer.write_sound(sound)

    def _close(self, next_ticks: int | None) -> None:
        writer, self._writer = self._writer, None
        if writer is None:
            return
        self._write_sound(writer, writer.end_ticks if next_ticks is None else next_ticks)
        end = self._recorder.wall_clock() if next_ticks is None else next_ticks / TICKS_PER_SECOND
        writer.close(next_ticks, last_box=preview_box(self._recorder.preview_between(self._started_at, end)))
        motion, cells = self._recorder.motion_between(self._started_at, end)
        closed = self._spool.close(self._recorder.camera_id, writer.path, motion, cells)
        if closed is not None:
            self._recorder.end_segment(closed)

    def _abandon(self) -> None:
        """Keep what is whole of a segment whose writing failed, and wait for the next keyframe."""
        self._cutter.reset()
        writer, self._writer = self._writer, None
        if writer is None:
            return
        try:
            writer.close()
        except _ERRORS:
            self._recorder.log.debug("could not close an abandoned segment")
        try:
            closed = self._spool.close(self._recorder.camera_id, writer.path, 0)
            if closed is not None:
                self._recorder.end_segment(closed)
        except _ERRORS:
            self._recorder.log.debug("could not keep an abandoned segment")
        self._recorder.note_fault(GapReason.WRITE_FAILED)
