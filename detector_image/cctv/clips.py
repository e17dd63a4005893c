"""An alert's clip: the seconds before and after it, cut from the stream's own packets without encoding anything.

The packets of the last seconds are kept as they came, in groups (a keyframe and all that needs it), so that a clip
always begins with a picture that can be decoded. All of it happens in the reading thread; only `want` is called from
another. A clip is a fragmented MP4 (ISO/IEC 14496-12), which browsers begin to play before it has ended.
"""

import io
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise
from typing import cast

import av
import av.error

from cctv.logs import camera_logger
from cctv.selection import is_plausible
from vigil_contracts.alert import ClipSubmission

CODECS = {"h264": "avc1", "hevc": "hvc1"}
"""What browsers play from an MP4, and the sample entry that makes them do it. MJPEG is not among it: no clip then."""

_TIME_BASE = Fraction(1, 90_000)
_JUDGED_SECONDS = 2.0
"""In less time packets that were sent at once look like wrong timestamps."""

OnClip = Callable[[ClipSubmission, bytes], None]


@dataclass(frozen=True, slots=True)
class ClipLimits:
    """How long and how large a clip may be; `max_bytes` bounds the packets that are kept as well."""

    seconds_before: float = 5.0
    seconds_after: float = 5.0
    max_bytes: int = 8 * 1024 * 1024

    @property
    def is_on(self) -> bool:
        """Whether there are clips at all."""
        return self.seconds_before + self.seconds_after > 0 and self.max_bytes > 0


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet as it came; `pts` and `dts` in seconds of the stream, `received_at` by the monotonic clock."""

    data: bytes
    pts: float | None
    dts: float | None
    is_keyframe: bool
    received_at: float


@dataclass(slots=True)
class Group:
    """A keyframe and the packets up to the next one."""

    packets: list[Packet] = field(default_factory=list)
    size_bytes: int = 0

    def add(self, packet: Packet) -> None:
        self.packets.append(packet)
        self.size_bytes += len(packet.data)

    @property
    def last_received_at(self) -> float:
        return self.packets[-1].received_at


class PacketBuffer:
    """Groups of pictures of the last seconds, oldest first. Pure; for one thread."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._groups: deque[Group] = deque()
        self.size_bytes = 0

    def add(self, packet: Packet) -> None:
        """Keeps the packet. Those before the first keyframe cannot be shown and are passed over."""
        if packet.is_keyframe:
            self._groups.append(Group())
        if not self._groups:
            return
        self._groups[-1].add(packet)
        self.size_bytes += len(packet.data)

    def forget_before(self, received_at: float) -> None:
        """Lets go of groups that had ended by then, and of the oldest ones past the limit of bytes."""
        while self._groups and (
            (len(self._groups) > 1 and self._groups[1].packets[0].received_at <= received_at)
            or self.size_bytes > self._max_bytes
        ):
            self.size_bytes -= self._groups.popleft().size_bytes

    def between(self, first: float, last: float) -> list[Packet]:
        """The packets received from the keyframe before `first` until `last`."""
        kept: list[Packet] = []
        for group in self._groups:
            if group.last_received_at >= first:
                kept += [packet for packet in group.packets if packet.received_at <= last]
        return kept


@dataclass(frozen=True, slots=True)
class _Wanted:
    event_id: str
    happened_at: float


class ClipRecorder:
    """One camera's clips, over all its connections. `want` from any thread; a `Recording` for each connection."""

    def __init__(self, camera_id: int, limits: ClipLimits, on_clip: OnClip) -> None:
        self.camera_id, self.limits, self.on_clip = camera_id, limits, on_clip
        self.log = camera_logger(camera_id)
        self._lock = threading.Lock()
        self._wanted: list[_Wanted] = []

    def want(self, event_id: str, happened_at: float) -> None:
        """An alert's clip is to be made. `happened_at`: when its frame was received, by the monotonic clock."""
        if self.limits.is_on:
            with self._lock:
                self._wanted.append(_Wanted(event_id, happened_at))

    def due(self, received_until: float) -> list[_Wanted]:
        """Takes those whose last packet has come."""
        with self._lock:
            due = [one for one in self._wanted if one.happened_at + self.limits.seconds_after <= received_until]
            self._wanted = [one for one in self._wanted if one not in due]
            return due

    def needed_since(self, now: float) -> float:
        """The oldest moment that a clip may still begin with."""
        with self._lock:
            moments = [now, *(one.happened_at for one in self._wanted)]
        return min(moments) - self.limits.seconds_before

    def recording(self, stream: av.VideoStream) -> "Recording | None":
        """For a connection that has just opened; None where its codec makes no clip that a browser plays."""
        if not self.limits.is_on or stream.codec_context.name not in CODECS:
            return None
        return Recording(self, stream)


class Recording:
    """The packets of one connection. For the thread that reads it, while its container is open."""

    def __init__(self, recorder: ClipRecorder, stream: av.VideoStream) -> None:
        self._recorder, self._stream = recorder, stream
        self._buffer = PacketBuffer(recorder.limits.max_bytes)

    def add(self, packet: "av.Packet[av.VideoStream]") -> None:
        """Keeps a packet, and makes the clips that end with it."""
        if packet.size == 0:
            return
        now = time.monotonic()
        self._buffer.add(_copied(packet, now))
        for wanted in self._recorder.due(now):
            self._make(wanted)
        self._buffer.forget_before(self._recorder.needed_since(now))

    def end(self) -> None:
        """The connection ends: clips that wait for more get what there is."""
        for wanted in self._recorder.due(float("inf")):
            self._make(wanted)

    def _make(self, wanted: _Wanted) -> None:
        """A clip that cannot be made is said and no more: its alert has long gone its way."""
        recorder, limits = self._recorder, self._recorder.limits
        first, last = wanted.happened_at - limits.seconds_before, wanted.happened_at + limits.seconds_after
        packets = self._buffer.between(first, last)
        if not packets:
            recorder.log.info("no clip for event %s: nothing was kept of that time", wanted.event_id)
            return
        try:
            content, seconds = mux(packets, self._stream)
            began = datetime.fromtimestamp(time.time() - (time.monotonic() - packets[0].received_at), UTC)
            clip = ClipSubmission(
                event_id=wanted.event_id,
                camera=recorder.camera_id,
                started_at=began,
                duration_seconds=round(seconds, 3),
            )
            recorder.on_clip(clip, content)
        except (av.error.FFmpegError, ValueError, OSError) as error:
            recorder.log.warning("no clip for event %s: %s", wanted.event_id, type(error).__name__)


def mux(packets: list[Packet], template: av.VideoStream) -> tuple[bytes, float]:
    """The packets as an MP4, and how many seconds it lasts. `template`: the open stream that they came from.

    Cameras' timestamps jump, repeat or are missing; a player wants them to grow. Each packet keeps its distance from
    the one before where that is sane, and otherwise gets the distance at which it was received.
    """
    packets = _with_sane_times(packets)
    output_file = io.BytesIO()
    with av.open(
        output_file, "w", format="mp4", options={"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    ) as output:
        stream = output.add_stream_from_template(template)
        stream.codec_context.codec_tag = CODECS[template.codec_context.name]
        stream.time_base = _TIME_BASE
        for packet, at_ticks, delay_ticks in zip(packets, *_timeline(packets), strict=True):
            written = av.Packet(packet.data)
            written.stream, written.time_base = stream, _TIME_BASE
            written.dts, written.pts = at_ticks, at_ticks + delay_ticks
            written.is_keyframe = packet.is_keyframe
            output.mux(written)
    return output_file.getvalue(), _seconds(packets)


def _with_sane_times(packets: list[Packet]) -> list[Packet]:
    """Return the packets, without their timestamps where these ran at another pace than the packets arrived."""
    dts = [packet.dts for packet in packets if packet.dts is not None]
    elapsed = packets[-1].received_at - packets[0].received_at
    if len(dts) < 2 or elapsed < _JUDGED_SECONDS or is_plausible(sum(_sane_steps(dts)), elapsed):
        return packets
    return [replace(packet, pts=None, dts=None) for packet in packets]


def _sane_steps(times: list[float]) -> Iterator[float]:
    return (later - earlier for earlier, later in pairwise(times) if 0.0 < later - earlier < 5.0)


def _timeline(packets: list[Packet]) -> tuple[list[int], list[int]]:
    """Decoding times that grow, in ticks, and how much later each is shown."""
    times: list[int] = []
    delays: list[int] = []
    at = 0.0
    for former, packet in zip([None, *packets], packets, strict=False):
        if former is not None:
            at += _distance(former, packet)
        ticks = round(at / _TIME_BASE)
        times.append(max(ticks, times[-1] + 1) if times else ticks)
        known = packet.pts is not None and packet.dts is not None
        delay = cast("float", packet.pts) - cast("float", packet.dts) if known else 0.0
        delays.append(round(delay / _TIME_BASE) if 0.0 <= delay < 1.0 else 0)
    return times, delays


def _distance(former: Packet, packet: Packet) -> float:
    """Seconds from one packet to the next."""
    if former.dts is not None and packet.dts is not None and 0.0 < packet.dts - former.dts < 5.0:
        return packet.dts - former.dts
    return max(0.001, min(5.0, packet.received_at - former.received_at))


def _seconds(packets: list[Packet]) -> float:
    return sum(_distance(former, packet) for former, packet in pairwise(packets))


def _copied(packet: "av.Packet[av.VideoStream]", received_at: float) -> Packet:
    base = packet.time_base
    return Packet(
        data=bytes(packet),
        pts=float(packet.pts * base) if packet.pts is not None and base else None,
        dts=float(packet.dts * base) if packet.dts is not None and base else None,
        is_keyframe=packet.is_keyframe,
        received_at=received_at,
    )
