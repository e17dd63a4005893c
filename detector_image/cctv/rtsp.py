"""The RTSP source: libav's client behind the gate, decoding one video stream.

Decoding is done with one thread and without delay: a camera's pictures have no reordering worth waiting for, and many
cameras share the machine.
"""

import contextlib
import time
from collections.abc import Iterator
from fractions import Fraction

import av
import av.container
import av.error
import av.logging

from cctv.clips import ClipRecorder, Recording
from cctv.faults import StreamFault, from_libav
from cctv.hardware import HardwareDecoding
from cctv.rtsp_gate import GateOptions, RtspGate
from cctv.source import StreamInfo
from vigil_contracts.names import Reason, StreamTransport

av.logging.set_level(None)  # libav's own words reach no output: they may repeat what a camera sent

_LIBAV_ERRORS = (av.error.FFmpegError, OSError, ValueError)

PICTURELESS_SECONDS = 45.0
"""How long packets may come without a picture: more than the longest usual distance of keyframes."""


class RtspSource:
    """One try at a camera's stream; see `cctv.source.Source`."""

    def __init__(
        self,
        url: str,
        transport: StreamTransport,
        gate_options: GateOptions,
        *,
        open_timeout_seconds: float = 10.0,
        read_timeout_seconds: float = 10.0,
        hardware: HardwareDecoding | None = None,
        recorder: ClipRecorder | None = None,
    ) -> None:
        self._gate = RtspGate(url, gate_options)
        self._transport = transport
        self._open_timeout = open_timeout_seconds
        self._read_timeout = read_timeout_seconds
        self._hardware = hardware
        self._recorder = recorder
        self._recording: Recording | None = None
        self._container: av.container.InputContainer | None = None

    def open(self) -> StreamInfo:
        self._gate.open()
        began = time.monotonic()
        try:
            self._container = av.open(
                self._gate.local_url,
                mode="r",
                format="rtsp",
                timeout=(self._open_timeout, self._read_timeout),
                hwaccel=self._hardware.accelerator() if self._hardware else None,
                options={
                    "rtsp_transport": str(self._transport),
                    "allowed_media_types": "video",
                    "user_agent": self._gate.user_agent,
                    "protocol_whitelist": "rtsp,rtp,udp,tcp",
                    "analyzeduration": "500000",
                    "fpsprobesize": "0",
                    "fflags": "+genpts+discardcorrupt",
                    "max_delay": "500000",
                },
            )
        except _LIBAV_ERRORS as error:
            # libav calls an interrupted handshake "invalid data"; how long it took tells the truth.
            if self._gate.fault is None and time.monotonic() - began >= self._open_timeout:
                raise StreamFault(
                    Reason.STREAM_TIMEOUT, "the camera accepts the connection but says nothing"
                ) from None
            raise self._fault(error) from None
        if not self._container.streams.video:
            raise StreamFault(Reason.STREAM_UNSUPPORTED, "it has no video")
        stream = self._container.streams.video[0]
        with contextlib.suppress(ValueError):  # a codec without a decoder has no context
            stream.codec_context.thread_count = 1
            self._recording = self._recorder.recording(stream) if self._recorder else None
        return self.info()

    def packets(self) -> "Iterator[av.Packet[av.VideoStream]]":
        assert self._container is not None, "open first"
        asked_at = time.monotonic()
        try:
            for packet in self._container.demux(self._container.streams.video[0]):
                is_late = time.monotonic() - asked_at >= self._read_timeout
                if self._recording is not None:
                    self._recording.add(packet)
                yield packet
                if is_late:
                    # libav's parser holds the last packet until it knows where it ends: here the time-out made it go.
                    raise StreamFault(Reason.STREAM_TIMEOUT)
                asked_at = time.monotonic()
        except _LIBAV_ERRORS as error:
            raise self._fault(error) from None
        raise self._gate.fault or StreamFault(Reason.STREAM_ENDED)

    def pictures(self) -> Iterator[av.VideoFrame]:
        last_picture_at = time.monotonic()
        for packet in self.packets():
            try:
                pictures = _decoded(packet)
            except _LIBAV_ERRORS as error:
                raise self._fault(error) from None
            if pictures:
                last_picture_at = time.monotonic()
            elif time.monotonic() - last_picture_at > PICTURELESS_SECONDS:
                raise StreamFault(Reason.STREAM_UNSUPPORTED, "packets come, but no picture can be decoded")
            yield from pictures

    def info(self) -> StreamInfo:
        assert self._container is not None, "open first"
        stream = self._container.streams.video[0]
        rate: Fraction | None = stream.average_rate
        return StreamInfo(
            width=stream.codec_context.width,
            height=stream.codec_context.height,
            codec=stream.codec_context.name,
            frames_per_second=float(rate) if rate else None,
        )

    def interrupt(self) -> None:
        self._gate.interrupt()

    def close(self) -> None:
        self._gate.close()
        if self._recording is not None:
            self._recording.end()
            self._recording = None
        if self._container is not None:
            self._container.close()
            self._container = None

    def _fault(self, error: Exception) -> StreamFault:
        return self._gate.fault or from_libav(error)


def _decoded(packet: "av.Packet[av.VideoStream]") -> list[av.VideoFrame]:
    """The pictures that a packet completes; a damaged packet gives none."""
    try:
        return packet.decode()
    except av.error.InvalidDataError:
        return []
