"""The RTSP source: libav's client behind the gate, decoding one video stream.

Of a camera with privacy masks, every frame is masked right after the decoder, and its recordings and clips are
encoded from the masked frames: nothing else ever receives a frame or a packet of it.

Decoding uses one thread and no delay: the frame order of camera streams needs no look-ahead, and many cameras share
the machine.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from typing import Any, cast

import av
import av.container
import av.error
import av.logging

from cctv.clips.audio import AudioError, AudioFormat, format_of
from cctv.clips.recorder import ClipRecorder, Recording
from cctv.common.frame import MAX_PIXELS, pixel_aspect_of
from cctv.common.polygons import Outline
from cctv.recording.recorder import SegmentFeed, SegmentRecorder
from cctv.streams.faults import StreamFault
from cctv.streams.hardware import SOFTWARE, HardwareDecoding, is_by_hardware
from cctv.streams.libav_faults import from_libav
from cctv.streams.masked_video import CODEC, NO_ENCODER, MaskedVideo, encoder_name
from cctv.streams.privacy_mask import PrivacyMask
from cctv.streams.rtsp_gate import GateOptions, RtspGate
from cctv.streams.source import StreamInfo
from cctv.streams.sparing import FrameDemand, SparingDecoder
from cctv.streams.stillness import StillnessWatch
from cctv.streams.temporary_decoder import Shape, TemporaryDecoder, configure, decoder_options
from vigil_contracts.names import Reason, StreamTransport

av.logging.set_level(None)  # suppress libav's own messages: they may repeat text from the camera

_LIBAV_ERRORS = (av.error.FFmpegError, OSError, ValueError)

PICTURELESS_SECONDS = 45.0
"""Packets may arrive without a frame for this long: more than the usual maximum keyframe interval."""
_MEDIA_SECONDS = 3.0
"""Media this recent counts as still arriving; a shorter read time-out uses half of itself instead."""
_CODEC_NAMES = {"h264": "H.264", "hevc": "H.265"}


class RtspSource:
    """One connection to a camera's stream; see `cctv.streams.source.Source`."""

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
        display_aspect: Fraction | None = None,
        records_audio: bool = False,
        segments: SegmentRecorder | None = None,
        demand: FrameDemand | None = None,
        is_analysed: bool = False,
        privacy_masks: Sequence[Outline] = (),
    ) -> None:
        """Prepare one try.

        `demand`: while it wants no frames, only keyframes are decoded, which saves most of the processor time; None:
        all frames are. `is_analysed`: all frames are decoded as well while packet sizes may tell of motion.
        `display_aspect`: width divided by height as shown; None: as the stream declares. `records_audio`: ask for the
        camera's audio beside its video, for what `recorder` and `segments` store. `segments`: records the stream.
        `privacy_masks`: areas to black out, in fractions of the frame.
        """
        users = [one.audio for one in (recorder, segments) if one is not None and records_audio]
        self._audio_users = [one for one in users if one.is_wanted]
        wants_audio = bool(self._audio_users)
        self._make_gate = partial(RtspGate, url, gate_options)
        self._gate = self._make_gate(wants_audio=wants_audio)
        self._wants_audio = wants_audio
        self._is_interrupted = False
        self._gate_lock = threading.Lock()
        self._transport = transport
        self._open_timeout = open_timeout_seconds
        self._read_timeout = read_timeout_seconds
        self._hardware = hardware or HardwareDecoding()
        self._decoder = SOFTWARE
        self._temporary_decoder: TemporaryDecoder | None = None
        """Decodes a stream that is not analysed, while its frames are needed."""
        self._temporary_shape: Shape | None = None
        """The shape of its last frame; None: the stream's own decoder has decoded the last one."""
        self._recorder = recorder
        self._display_aspect = display_aspect
        self._recording: Recording | None = None
        self._segments = segments
        self._feed: SegmentFeed | None = None
        self._container: av.container.InputContainer | None = None
        self._video: av.VideoStream
        self._audio: av.AudioStream | None = None
        self._packet_at: float | None = None
        self._has_keyframe = False
        self._awaits_picture = False
        self._is_analysed = is_analysed
        watch = StillnessWatch() if is_analysed else None
        self._sparing = SparingDecoder(demand, watch) if demand is not None else None
        self._mask = PrivacyMask(privacy_masks) if privacy_masks else None
        self._masked_video: MaskedVideo | None = None

    def open(self) -> StreamInfo:
        try:
            container = self._connect()
        except StreamFault as fault:
            if not self._gate.is_audio_asked:
                raise
            for user in self._audio_users:
                user.refuse(f"the camera does not deliver its audio: {fault}")
            self._replace_gate(fault)
            container = self._connect()
        self._container = container
        if not container.streams.video:
            raise StreamFault(
                Reason.STREAM_UNSUPPORTED, text="The stream has no video. Check the path in the RTSP URL."
            )
        self._video = container.streams.video[0]
        with contextlib.suppress(ValueError):  # a codec without a decoder has no context
            configure(self._video.codec_context)
            if self._shape.is_too_large:
                raise _too_large(self._shape)
            self._begin_storing(container)
        return self.info()

    def _connect(self) -> av.container.InputContainer:
        """Return the stream behind the gate. Raises StreamFault."""
        accelerator = self._hardware.accelerator()
        self._gate.open()
        began = time.monotonic()
        try:
            return av.open(
                self._gate.local_url,
                mode="r",
                format="rtsp",
                timeout=(self._open_timeout, self._read_timeout),
                hwaccel=accelerator,
                options={
                    "rtsp_transport": str(self._transport),
                    "allowed_media_types": "video+audio" if self._wants_audio else "video",
                    "user_agent": self._gate.user_agent,
                    "protocol_whitelist": "rtsp,rtp,udp,tcp",
                    "analyzeduration": "500000",
                    "fpsprobesize": "0",
                    "fflags": "+genpts+discardcorrupt",
                    "max_delay": "500000",
                    **decoder_options(),
                },
            )
        except _LIBAV_ERRORS as error:
            # libav reports an interrupted handshake as "invalid data"; the elapsed time shows the real cause.
            if self._gate.fault is None and time.monotonic() - began >= self._open_timeout:
                raise StreamFault(
                    Reason.STREAM_TIMEOUT,
                    text="The camera accepts the connection but does not answer. Check the port in the RTSP URL, or"
                    " restart the camera.",
                ) from None
            raise self._fault(error) from None

    def _replace_gate(self, fault: StreamFault) -> None:
        """Prepare a connection without audio. Raises the fault of the first one where it was interrupted."""
        self._gate.close()  # ends the session that was half set up: many cameras allow one
        with self._gate_lock:
            if self._is_interrupted:
                raise fault
            self._gate, self._wants_audio = self._make_gate(), False

    def _begin_storing(self, container: av.container.InputContainer) -> None:
        """Begin clips and recordings: of the camera's packets, or of masked frames."""
        context = self._video.codec_context
        codec, extradata = context.name, context.extradata
        encoder = encoder_name()
        if self._mask is not None:
            if encoder is None:
                self._report_unmasked(NO_ENCODER)
                return
            codec, extradata = CODEC, None
        audio = self._audio_format(container) if self._wants_audio else None
        if self._recorder is not None:
            self._recording = self._recorder.recording(codec, extradata, self._display_aspect, audio, self._segments)
        if self._segments is not None:
            self._feed = self._segments.feed(codec, extradata, self._display_aspect, audio)
        if self._mask is not None and encoder is not None and (self._recording or self._feed):
            self._masked_video = MaskedVideo(encoder, context.sample_aspect_ratio)

    def _audio_format(self, container: av.container.InputContainer) -> AudioFormat | None:
        """Return the format of the camera's audio, which is read from now on; None if it has none to store."""
        try:
            if not container.streams.audio:
                raise AudioError(self._gate.audio_problem or "the camera offers no audio")
            audio = container.streams.audio[0]
            audio_format = format_of(audio)
        except AudioError as error:
            for user in self._audio_users:
                user.report(str(error))
            return None
        for user in self._audio_users:
            user.accept()
        self._audio = audio
        return audio_format

    def packets(self) -> "Iterator[av.Packet[av.VideoStream]]":
        for packet in self._received():
            if self._masked_video is not None:
                self._masked(packet)
            yield packet

    def _received(self) -> "Iterator[av.Packet[av.VideoStream]]":
        """Yield the packets as they arrive; store them, unless masked frames are stored instead of them."""
        assert self._container is not None, "open first"
        asked_at = time.monotonic()
        try:
            for packet in cast("Iterator[av.Packet[Any]]", self._container.demux(*self._demuxed_streams())):
                now = time.monotonic()
                is_late = now - asked_at >= self._read_timeout
                if packet.stream_index != self._video.index:
                    self._take_audio(packet)
                    if is_late:  # the audio goes on without the video
                        raise self._silence()
                    continue
                if self._is_interrupted:  # its settings may have changed: others may decide on what is seen
                    raise self._fault(None)
                if not is_late:
                    self._packet_at = now
                if self._mask is None:
                    self._store(packet)
                yield packet
                if is_late:
                    # libav's parser keeps the last packet until the next one begins; the time-out released it.
                    raise self._silence()
                asked_at = time.monotonic()
        except _LIBAV_ERRORS as error:
            fault = self._fault(error)
            raise (self._silence() if fault.reason is Reason.STREAM_TIMEOUT else fault) from None
        raise self._fault(None)

    def _store(self, packet: "av.Packet[av.VideoStream]") -> None:
        if self._recording is not None:
            self._recording.add(packet)
        if self._feed is not None:
            self._feed.add(packet)

    def _masked(self, packet: "av.Packet[av.VideoStream]") -> list[av.VideoFrame]:
        """Return the frames that a packet completes, masked; store them if the camera has clips or recordings."""
        pictures = self._pictures_of(packet)
        if self._mask is None:
            return pictures
        masked = [self._mask.apply(picture) for picture in pictures]
        if self._masked_video is not None:
            self._store_masked(masked, self._masked_video)
        return masked

    def _store_masked(self, pictures: list[av.VideoFrame], video: MaskedVideo) -> None:
        """Store frames that are masked. A failing encoder ends what is stored, not the detection."""
        try:
            encoded = [packet for picture in pictures for packet in video.encode(picture)]
        except _LIBAV_ERRORS as error:
            self._masked_video = None
            self._report_unmasked(f"masked video could not be encoded ({type(error).__name__})")
            return
        for packet in encoded:
            self._store(packet)

    def _report_unmasked(self, problem: str) -> None:
        if self._recorder is not None:
            self._recorder.report_unmasked(problem)
        if self._segments is not None:
            self._segments.report_unmasked(problem)

    def _demuxed_streams(self) -> "list[av.VideoStream | av.AudioStream]":
        return [self._video] if self._audio is None else [self._video, self._audio]

    def _take_audio(self, packet: "av.Packet[av.AudioStream]") -> None:
        if self._recording is not None:
            self._recording.add_audio(packet)
        if self._feed is not None:
            self._feed.add_audio(packet)

    def frames(self) -> Iterator[av.VideoFrame]:
        last_picture_at = time.monotonic()
        self._awaits_picture = True
        for packet in self._received():
            self._has_keyframe = self._has_keyframe or packet.is_keyframe
            try:
                pictures = self._masked(packet)
            except _LIBAV_ERRORS as error:
                raise self._fault(error) from None
            if pictures:
                last_picture_at, self._awaits_picture = time.monotonic(), False
                self._decoder = self._hardware.decoder if is_by_hardware(pictures[-1]) else SOFTWARE
            elif time.monotonic() - last_picture_at > PICTURELESS_SECONDS:
                raise self._undecodable()
            yield from pictures

    def received_at(self) -> float | None:
        known = [at for at in (self._packet_at, self._gate.media.last_at) if at is not None]
        return max(known, default=None)

    def info(self) -> StreamInfo:
        assert self._container is not None, "open first"
        shape, rate = self._shape, self._video.average_rate
        declared = shape.pixel_aspect
        if self._display_aspect is not None:
            declared = pixel_aspect_of(self._display_aspect, shape.width, shape.height)
        return StreamInfo(
            width=shape.width,
            height=shape.height,
            codec=self._video.codec_context.name,
            frames_per_second=float(rate) if rate else None,
            pixel_aspect=float(declared or 1.0),
            decoder=self._decoder,
        )

    def interrupt(self) -> None:
        with self._gate_lock:
            self._is_interrupted = True
            self._gate.interrupt()

    def close(self) -> None:
        self._gate.close()
        if self._recording is not None:
            self._recording.end()
            self._recording = None
        if self._feed is not None:
            self._feed.end()
            self._feed = None
        if self._container is not None:
            self._container.close()
            self._container = None

    def _fault(self, error: Exception | None) -> StreamFault:
        """Return the fault for an error of libav, or for a stream that ended without one."""
        if self._gate.fault is not None:
            return self._gate.fault
        if self._gate.is_closed:  # interrupted by the watchdog because no data arrived
            return self._timeout()
        fault = from_libav(error) if error is not None else StreamFault(Reason.STREAM_ENDED)
        return self._timeout() if fault.reason is Reason.STREAM_TIMEOUT else fault

    def _silence(self) -> StreamFault:
        """Return the fault for a stream without packets: libav drops media that it cannot parse."""
        if self._gate.media.seconds_since_media() < min(_MEDIA_SECONDS, self._read_timeout / 2):
            return self._undecodable()
        return self._timeout()

    def _timeout(self) -> StreamFault:
        """Return the fault of a silent camera: only one that has delivered a frame can have stopped sending."""
        if self.received_at() is None:
            is_udp = self._transport is StreamTransport.UDP
            remedy = "Change the camera's transport to tcp" if is_udp else "Check its load"
            return StreamFault(
                Reason.STREAM_TIMEOUT,
                text=f"The camera accepts the connection but sends no video. {remedy}, or restart the camera.",
            )
        if self._awaits_picture:
            return StreamFault(
                Reason.STREAM_TIMEOUT,
                text="The camera began to send but fell silent before its first whole frame. Check its network and"
                " load, or restart the camera.",
            )
        return StreamFault(Reason.STREAM_TIMEOUT)

    def _pictures_of(self, packet: "av.Packet[av.VideoStream]") -> list[av.VideoFrame]:
        is_stored = self._masked_video is not None
        if self._sparing is None or is_stored or (self._is_analysed and self._video.codec_context.has_b_frames):
            return self._decode(packet)
        due = self._sparing.due(packet, time.monotonic())
        decode: Callable[[av.Packet[av.VideoStream]], list[av.VideoFrame]]
        if self._is_analysed or self._hardware.decoder != SOFTWARE:
            decode = self._decode
        elif due.is_alone:
            return self._decode_alone(packet)
        else:
            decode = self._decode_for_a_while
        if len(due.packets) == 1:
            return decode(packet)
        # Of frames that are caught up, only the newest is of use. All together would need some hundred megabytes.
        newest: list[av.VideoFrame] = []
        for each in due.packets:
            newest = decode(each)[-1:] or newest
        return newest

    def _decode_for_a_while(self, packet: "av.Packet[av.VideoStream]") -> list[av.VideoFrame]:
        if self._temporary_decoder is None:
            if not packet.size:  # the end of the stream
                return []
            self._temporary_decoder = TemporaryDecoder(self._video.codec_context)
        return self._decode(packet, self._temporary_decoder)

    def _decode_alone(self, packet: "av.Packet[av.VideoStream]") -> list[av.VideoFrame]:
        """Return the frame of a keyframe. If it holds no whole frame, decode all packets from it on."""
        self._temporary_decoder = None
        decoder = TemporaryDecoder(self._video.codec_context)
        pictures = self._decode(packet, decoder, is_alone=True)
        if decoder.needs_more:
            self._sparing = None
            return self._decode(packet)
        return pictures

    def _decode(
        self, packet: "av.Packet[av.VideoStream]", decoder: TemporaryDecoder | None = None, *, is_alone: bool = False
    ) -> list[av.VideoFrame]:
        """Return the frames that a packet completes; none for a damaged packet."""
        try:
            pictures = packet.decode() if decoder is None else decoder.decode(packet, is_alone=is_alone)
        except av.error.InvalidDataError:
            pictures = []
        except _LIBAV_ERRORS:
            shape = Shape.of(self._video.codec_context) if decoder is None else decoder.shape
            # libav resets the size where it refuses it before the decoder has ever had one.
            if shape.is_too_large or not shape.width:
                raise _too_large(shape) from None
            raise
        finally:
            if decoder is None or decoder.shape.width:  # a damaged keyframe may not tell its size
                self._temporary_shape = None if decoder is None else decoder.shape
        if not pictures and self._shape.is_too_large:
            raise _too_large(self._shape)
        return pictures

    @property
    def _shape(self) -> Shape:
        return self._temporary_shape or Shape.of(self._video.codec_context)

    def _undecodable(self) -> StreamFault:
        announced, sent = self.info().codec, self._gate.media.codec
        if sent and announced in _CODEC_NAMES and sent != announced:
            why = (
                f": the camera announces {_CODEC_NAMES[announced]} but sends {_CODEC_NAMES[sent]}."
                " Set its codec again and restart the camera."
            )
        elif announced == "mjpeg":
            why = ": MJPEG over RTP is limited to 2040 pixels in width and height. Lower the resolution or set H.264."
        elif self._packet_at is not None and not self._has_keyframe:
            why = " without a keyframe. Set the camera's keyframe (I-frame) interval to 10 s or less."
        else:
            why = ". Set the camera to H.264, H.265 or MJPEG."
        return StreamFault(
            Reason.STREAM_UNSUPPORTED, text=f"The camera's packets arrive, but no frame can be decoded{why}"
        )


def _too_large(shape: Shape) -> StreamFault:
    size = f" of {shape.width} × {shape.height} pixels" if shape.width else ""
    return StreamFault(
        Reason.STREAM_UNSUPPORTED,
        text=f"The camera announces frames{size}, above the limit of {MAX_PIXELS / 10**6:.0f} million pixels."
        " Lower its resolution, or enter the RTSP URL of its sub-stream.",
    )
