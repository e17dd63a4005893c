"""Create stream sources that connect through the gate, according to the settings."""

import ssl
from collections.abc import Sequence
from typing import Self

from pydantic import SecretStr

from cctv.clips.recorder import ClipRecorder
from cctv.common.polygons import Outline
from cctv.config import InvalidSettingError, Settings
from cctv.recording.recorder import SegmentRecorder
from cctv.streams.hardware import HardwareDecoding
from cctv.streams.rtsp import RtspSource
from cctv.streams.rtsp_gate import GateOptions
from cctv.streams.source import PacketSource, Source
from cctv.streams.sparing import FrameDemand
from vigil_contracts.camera import CameraConfiguration
from vigil_contracts.names import StreamTransport
from vigil_contracts.recording import RecordedStream


class Sources:
    """Creates sources; each is one connection to a camera's stream."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Build from the settings. Raises InvalidSettingError."""
        try:
            tls = ssl.create_default_context(cafile=settings.rtsps_ca_file)
        except (OSError, ssl.SSLError):
            raise InvalidSettingError("VIGIL_RTSPS_CA_FILE: must hold certificates in PEM form") from None
        options = GateOptions(settings.address_policy(), tls)
        return cls(options, settings, HardwareDecoding(settings.hardware_decoder))

    def __init__(self, options: GateOptions, settings: Settings, hardware: HardwareDecoding) -> None:
        self._options, self._settings, self._hardware = options, settings, hardware

    @property
    def options(self) -> GateOptions:
        """Return which addresses cameras may have, and whom to trust for TLS."""
        return self._options

    def camera_source(
        self,
        camera: CameraConfiguration,
        recorder: ClipRecorder,
        segments: SegmentRecorder | None = None,
        demand: FrameDemand | None = None,
    ) -> Source:
        """Return the source to analyse. It also feeds the recorders that do not use the separate main stream.

        `demand`: tells whether all frames are needed now; for a still scene, or without a model, keyframes suffice.
        """
        has_sub_stream = bool(camera.detection.stream_path)
        is_recorded = not has_sub_stream or camera.recording.stream is RecordedStream.SUB
        return self._make(
            camera,
            camera.watched_url,
            None if has_sub_stream else recorder,
            segments if is_recorded else None,
            demand,
        )

    def main_source(
        self, camera: CameraConfiguration, recorder: ClipRecorder, segments: SegmentRecorder | None = None
    ) -> PacketSource:
        """Return the source of the main stream, for clips and recordings, while the sub-stream is analysed."""
        is_recorded = camera.recording.stream is RecordedStream.MAIN
        return self._make(camera, camera.rtsp_url, recorder, segments if is_recorded else None)

    def probe_source(self, url: str, transport: StreamTransport, privacy_masks: Sequence[Outline] = ()) -> Source:
        """Return the source of a stream to test."""
        return RtspSource(
            url,
            transport,
            self._options,
            open_timeout_seconds=self._settings.stream_open_timeout_seconds,
            read_timeout_seconds=self._settings.stream_read_timeout_seconds,
            privacy_masks=privacy_masks,
        )

    def _make(
        self,
        camera: CameraConfiguration,
        url: SecretStr,
        recorder: ClipRecorder | None,
        segments: SegmentRecorder | None,
        demand: FrameDemand | None = None,
    ) -> RtspSource:
        return RtspSource(
            url.get_secret_value(),
            camera.transport,
            self._options,
            open_timeout_seconds=self._settings.stream_open_timeout_seconds,
            read_timeout_seconds=self._settings.stream_read_timeout_seconds,
            hardware=self._hardware,
            recorder=recorder,
            display_aspect=camera.detection.display_aspect,
            records_audio=camera.detection.record_audio,
            segments=segments,
            demand=demand,
            is_analysed=camera.detection.uses_models,
            privacy_masks=camera.detection.privacy_masks,
        )
