"""The detector as a program: everything put together from the settings, run until a signal."""

import contextlib
import logging
import signal
import ssl
import threading
import time
from collections.abc import Iterator
from types import FrameType

from pydantic import SecretStr

from cctv.api import Api
from cctv.cameras import Cameras
from cctv.clips import ClipLimits, ClipRecorder
from cctv.config import InvalidSettingError, Settings
from cctv.errands import Errands
from cctv.hardware import HardwareDecoding
from cctv.heartbeat import Heart
from cctv.http_server import StatusServer
from cctv.metrics import Metrics
from cctv.model_pool import Models
from cctv.pipeline import Shared
from cctv.poll import AllCameras, OneCamera, Poller
from cctv.probe import Prober
from cctv.reader import ReaderOptions
from cctv.rtsp import RtspSource
from cctv.rtsp_gate import GateOptions
from cctv.sender import Sender
from cctv.source import PacketSource, Source
from cctv.spool import Spool, SpoolInUseError
from cctv.state_store import StateStore
from vigil_contracts.camera import CameraConfiguration
from vigil_contracts.names import StreamTransport

log = logging.getLogger("cctv")

_STUCK_AFTER_SECONDS = 30.0
_FLUSH_SECONDS = 1.0


class Detector:
    """One process. `camera_id`: watch this camera alone (pod mode); None: all active ones (poll mode)."""

    def __init__(self, settings: Settings, camera_id: int | None) -> None:
        self._settings, self._camera_id = settings, camera_id
        self.metrics = Metrics()
        self._stopping = threading.Event()
        self._spool = self._open_spool()
        self._api = Api(settings, self.metrics)
        self._sender = Sender(self._spool, self._api.deliver, self.metrics)
        self._models = Models(
            settings.model,
            device=settings.model_device,
            sha256=settings.model_sha256,
            pins=settings.model_pins,
            server_url=settings.triton_url,
        )
        self._cameras = Cameras(self._shared())
        self._heart = Heart(
            self._cameras.reporters,
            lambda camera_id, heartbeat: self._api.call(lambda client: client.heartbeat(camera_id, heartbeat)),
            settings.heartbeat_interval_seconds,
            answered=self._sender.api_is_back,
        )
        ask = AllCameras(self._api, settings.group) if camera_id is None else OneCamera(self._api, camera_id)
        self._poller = Poller(ask, self._cameras.want, settings.poll_interval_seconds, self._sender.api_is_back)
        self._errands = Errands(self._api, Prober(self._sources().tried), self._cameras.look, self._poller.ask_now)
        self._status = self._open_status()

    def run(self) -> None:
        """Returns once stopped and everything has ended."""
        self._status.start()
        self._sender.start()
        self._heart.start()
        self._cameras.start()
        self._errands.start()
        try:
            self._poller.run(self._stopping)
        finally:
            self._end()

    def stop(self) -> None:
        """Makes `run` return soon; from any thread or signal handler."""
        self._stopping.set()

    def alive(self) -> str:
        """Why the process should be started anew; empty: it need not."""
        silence = time.monotonic() - self._cameras.checked_at
        if silence > _STUCK_AFTER_SECONDS:
            return f"the watchdog has not run for {silence:.0f} s"
        return self._cameras.trouble()  # of all cameras: a GPU in disorder is mended by a new process at best

    def ready(self) -> str:
        """Why the process does not do its work; empty: it does."""
        if not self._poller.has_answer:
            return "the API has not said yet what to watch"
        if self._camera_id is not None and self._cameras.count() == 0:
            return (
                "the camera's configuration is not understood"
                if self._cameras.problem()
                else "the camera is not active"
            )
        watched, streaming = self._cameras.count(), self._cameras.streaming()
        return "no camera gives pictures" if watched and not streaming else ""

    def _end(self) -> None:
        log.info("ending")
        self._errands.stop()
        self._cameras.stop()
        self._heart.stop(0.5)
        self._sender.stop(_FLUSH_SECONDS)
        left = self._spool.waiting().alerts
        if left:
            log.info("%d alerts wait on disk for the next start", left)
        self._status.close()
        self._models.close()
        self._api.close()
        self._spool.close()

    def _shared(self) -> Shared:
        settings, sources = self._settings, self._sources()
        return Shared(
            models=self._models,
            spool=self._spool,
            states=StateStore(settings.spool_dir / "state"),
            metrics=self.metrics,
            make_source=sources.watched,
            make_clip_source=sources.for_clips,
            spooled=self._sender.notify,
            changed=lambda camera_id: self._heart.change(camera_id),
            detector_name=settings.detector_name,
            reader_options=ReaderOptions(
                stuck_seconds=settings.stream_open_timeout_seconds + settings.stream_read_timeout_seconds + 5.0,
                frozen_after_seconds=settings.frozen_after_seconds,
            ),
            offline_alert_after_seconds=settings.offline_alert_after_seconds,
            send_live=lambda camera_id, jpeg, taken_at: self._api.call(
                lambda client: client.send_frame(camera_id, jpeg, taken_at)
            ),
            clip_limits=ClipLimits(
                settings.clip_seconds_before, settings.clip_seconds_after, int(settings.clip_max_bytes)
            ),
        )

    def _sources(self) -> "_Sources":
        settings = self._settings
        try:
            tls = ssl.create_default_context(cafile=settings.rtsps_ca_file)
        except (OSError, ssl.SSLError):
            raise InvalidSettingError("VIGIL_RTSPS_CA_FILE: must hold certificates in PEM form") from None
        options = GateOptions(settings.address_policy(), tls)
        return _Sources(options, settings, HardwareDecoding(settings.hardware_decoder))

    def _open_spool(self) -> Spool:
        settings = self._settings
        try:
            return Spool(
                settings.spool_dir,
                settings.spool_max_bytes,
                settings.spool_max_age_hours * 3600.0,
                dropped=self._dropped,
            )
        except SpoolInUseError as error:
            raise InvalidSettingError(f"VIGIL_SPOOL_DIR: {error}") from None
        except OSError as error:
            raise InvalidSettingError(f"VIGIL_SPOOL_DIR: must be a folder to write into; {error.strerror}") from None

    def _dropped(self, camera_id: int, why: str) -> None:
        self.metrics.spool_dropped.labels(str(camera_id), why).inc()

    def _open_status(self) -> StatusServer:
        settings = self._settings
        try:
            return StatusServer(
                settings.metrics_address,
                settings.metrics_port,
                self.metrics.registry,
                alive=self.alive,
                ready=self.ready,
                refresh=self._measure_spool,
            )
        except OSError as error:
            raise InvalidSettingError(
                f"VIGIL_METRICS_PORT: {settings.metrics_address}:{settings.metrics_port} cannot be had;"
                f" {error.strerror}"
            ) from None

    @property
    def status_port(self) -> int:
        """The port of /metrics, /healthz and /readyz."""
        return int(self._status.server_address[1])

    def _measure_spool(self) -> None:
        for camera_id in {*self._spool.cameras(), *self._cameras.reporters()}:
            waiting = self._spool.waiting(camera_id)
            self.metrics.spool_alerts.labels(str(camera_id)).set(waiting.alerts)
            self.metrics.spool_bytes.labels(str(camera_id)).set(waiting.size_bytes)


class _Sources:
    """Makes one try at a camera's stream."""

    def __init__(self, options: GateOptions, settings: Settings, hardware: HardwareDecoding) -> None:
        self._options, self._settings, self._hardware = options, settings, hardware

    def watched(self, camera: CameraConfiguration, recorder: ClipRecorder) -> Source:
        """The stream that is looked at; `recorder` has it too unless the main stream is read for that."""
        return self._make(camera, camera.watched_url, None if camera.detection.stream_path else recorder)

    def for_clips(self, camera: CameraConfiguration, recorder: ClipRecorder) -> PacketSource:
        """The main stream, beside the sub-stream that is looked at."""
        return self._make(camera, camera.rtsp_url, recorder)

    def tried(self, url: str, transport: StreamTransport) -> Source:
        """A stream that somebody wants to know about."""
        return RtspSource(
            url,
            transport,
            self._options,
            open_timeout_seconds=self._settings.stream_open_timeout_seconds,
            read_timeout_seconds=self._settings.stream_read_timeout_seconds,
        )

    def _make(self, camera: CameraConfiguration, url: SecretStr, recorder: ClipRecorder | None) -> RtspSource:
        return RtspSource(
            url.get_secret_value(),
            camera.transport,
            self._options,
            open_timeout_seconds=self._settings.stream_open_timeout_seconds,
            read_timeout_seconds=self._settings.stream_read_timeout_seconds,
            hardware=self._hardware,
            recorder=recorder,
        )


@contextlib.contextmanager
def ended_by_signals(detector: Detector) -> Iterator[None]:
    """SIGTERM and SIGINT stop the detector."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        detector.stop()

    former = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
