"""Write encoded audio to an MP4."""

import io
from fractions import Fraction
from functools import cache
from typing import Any

import av
import av.container
import numpy as np

from cctv.clips.audio import AudioFormat, AudioTrack, layout_of

_TEMPLATE_RATE = 48_000


def add_audio(output: av.container.OutputContainer, audio_format: AudioFormat) -> av.AudioStream:
    """Add a stream of that format. For encoded packets, PyAV requires a template stream."""
    with av.open(io.BytesIO(_template(audio_format.codec))) as file:
        stream = output.add_stream_from_template(file.streams.audio[0])
    context = stream.codec_context
    context.sample_rate, context.layout = audio_format.sample_rate, layout_of(audio_format.channels)
    context.extradata = audio_format.extradata
    stream.time_base = Fraction(1, audio_format.sample_rate)
    return stream


def audio_packets(stream: av.AudioStream, audio: AudioTrack) -> "list[av.Packet[Any]]":
    """Return the track's packets for its stream."""
    made: list[av.Packet[Any]] = []
    for at_samples, data in audio.packets:
        written = av.Packet(data)
        written.stream, written.time_base = stream, Fraction(1, audio.format.sample_rate)
        written.pts = written.dts = at_samples
        written.is_keyframe = True
        made.append(written)
    return made


@cache
def _template(codec: str) -> bytes:
    """Return an MP4 with a moment of silence in this codec."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("libopus" if codec == "opus" else "aac", rate=_TEMPLATE_RATE)
        assert isinstance(stream, av.AudioStream)
        stream.layout = "mono"
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 960), np.float32), format="fltp", layout="mono")
        silence.sample_rate = _TEMPLATE_RATE
        output.mux([*stream.encode(silence), *stream.encode(None)])
    return file.getvalue()
