"""Write one segment as fragmented MP4: a file that is readable up to its last fragment at every moment.

Fragments are written out as soon as they are complete. So if the process is killed, the file ends with at most one
incomplete fragment, which the next start removes (`recovery`).
"""

import io
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.container

from cctv.clips.audio import AudioFormat
from cctv.clips.mp4 import SAMPLE_ENTRIES
from cctv.clips.mp4_audio import add_audio
from cctv.common.frame import MAX_PIXELS, pixel_aspect_of
from cctv.recording.sound import Sound
from cctv.recording.timeline import TICKS_PER_SECOND, Placed

FRAGMENT_SECONDS = 0.5
_TIME_BASE = Fraction(1, TICKS_PER_SECOND)
_OPTIONS = {
    # frag_discont and avoid_negative_ts together keep the true times; without either libav begins at zero.
    "movflags": "empty_moov+default_base_moof+frag_discont+skip_trailer",
    "avoid_negative_ts": "disabled",
    "use_editlist": "0",
    "frag_duration": str(round(FRAGMENT_SECONDS * 1_000_000)),
    "flush_packets": "1",
    "max_interleave_delta": "1",  # microseconds: else up to 10 s of one track wait for the other one in memory
    # Without these two, libav writes the time and its version, so that each segment has another initialisation.
    "fflags": "+bitexact",
    "write_tmcd": "0",
}


class VideoFormat:
    """How the video of a connection is encoded: the template of the tracks of its segments.

    `codec`: libav's name; `headers`: the parameter sets (Annex B); `keyframe`: a packet that uses them. Raises
    ValueError if they describe no frame, av.error.FFmpegError if libav cannot read them.
    """

    def __init__(self, codec: str, headers: bytes, keyframe: bytes, display_aspect: Fraction | None) -> None:
        self.codec, self._display_aspect = codec, display_aspect
        limit = {"max_pixels": str(MAX_PIXELS)}
        self._container = av.open(io.BytesIO(headers + keyframe), format=codec, options=limit)
        self._template = self._container.streams.video[0]
        if not self._template.codec_context.width:
            self.close()
            raise ValueError("the parameter sets describe no frame")

    def add_to(self, output: av.container.OutputContainer) -> av.VideoStream:
        """Add the track to a file."""
        stream = output.add_stream_from_template(self._template)
        stream.codec_context.codec_tag = SAMPLE_ENTRIES[self.codec]
        stream.time_base = _TIME_BASE
        if self._display_aspect is not None:
            size = self._template.codec_context.width, self._template.codec_context.height
            stream.codec_context.sample_aspect_ratio = pixel_aspect_of(self._display_aspect, *size)
        return stream

    def close(self) -> None:
        """Release the template."""
        self._container.close()


class SegmentWriter:
    """One segment. Every method raises av.error.FFmpegError or OSError if the disk fails."""

    def __init__(self, path: Path, video: VideoFormat, audio: AudioFormat | None = None) -> None:
        self.path = path
        self._output = av.open(str(path), "w", format="mp4", options=_OPTIONS)
        try:
            self._stream = video.add_to(self._output)
            self._sound = None if audio is None else add_audio(self._output, audio)
        except BaseException:
            self._output.close()
            raise
        self._waiting: tuple[bytes, Placed, bool] | None = None
        self._step_ticks = TICKS_PER_SECOND // 25
        self.size_bytes = 0

    def write(self, data: bytes, placed: Placed, *, is_keyframe: bool) -> None:
        """Write a packet. It is written with the next one, which determines its duration."""
        if self._waiting is not None:
            self._step_ticks = max(1, placed.dts - self._waiting[1].dts)
            self._flush()
        self._waiting = data, placed, is_keyframe
        self.size_bytes += len(data)

    def write_sound(self, sound: Sound) -> None:
        """Write a packet of the audio track."""
        stream = self._sound
        assert stream is not None, "the segment has no audio"
        packet: av.Packet[Any] = av.Packet(sound.data)
        packet.stream, packet.time_base = stream, Fraction(1, stream.codec_context.sample_rate)
        packet.dts, packet.pts, packet.duration = sound.at, sound.at, sound.samples
        packet.is_keyframe = True
        self._output.mux(packet)
        self.size_bytes += len(sound.data)

    @property
    def end_ticks(self) -> int:
        """Return when the video ends, if nothing follows."""
        return 0 if self._waiting is None else self._waiting[1].dts + self._step_ticks

    def close(self, next_ticks: int | None = None, *, last_box: bytes = b"") -> None:
        """Write the rest and make the file durable.

        `next_ticks`: when the next segment begins. `last_box`: a box of MP4 to end the file with.
        """
        try:
            if self._waiting is not None and next_ticks is not None:
                self._step_ticks = max(1, next_ticks - self._waiting[1].dts)
            self._flush()
        finally:
            self._output.close()
        with self.path.open("ab") as file:
            file.write(last_box)
            file.flush()
            os.fsync(file.fileno())

    def _flush(self) -> None:
        if self._waiting is None:
            return
        data, placed, is_keyframe = self._waiting
        self._waiting = None
        packet: av.Packet[Any] = av.Packet(data)
        packet.stream, packet.time_base = self._stream, _TIME_BASE
        packet.dts, packet.pts, packet.duration = placed.dts, placed.pts, self._step_ticks
        packet.is_keyframe = is_keyframe
        self._output.mux(packet)
