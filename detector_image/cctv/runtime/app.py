"""The detector as a program: builds all components from the settings and runs them until a signal."""

import contextlib
import logging
import time

from cctv.clips.recorder import ClipLimits
from cctv.common.cost_meter import CostMeter
from cctv.config import InvalidSettingError, Settings, listening
from cctv.delivery.heartbeat import Heart
from cctv.delivery.recordings import DirectoryStore, RecordingSender, Store, UploadStore
from cctv.delivery.sender import Sender
from cctv.delivery.spool import Spool, SpoolInUseError
from cctv.detectors.model_pool import Models
from cctv.metrics import Metrics
from cctv.onvif.devices import Devices
from cctv.pipeline import Shared
from cctv.recording.spool import RecordingSpool
from cctv.runtime.api import Api
from cctv.runtime.cameras import Cameras
from cctv.runtime.detector_tasks import DetectorTasks
from cctv.runtime.http_server import StatusServer
from cctv.runtime.poll import AllCameras, OneCamera, Poller
from cctv.streams.probe import Prober
from cctv.streams.reader import ReaderOptions
from cctv.streams.sources import Sources
from cctv.vision.shadow_guard import ShadowGuard
from cctv.vision.shadow_models import ShadowModels
from cctv.vision.state_store import StateStore
from vigil_contracts.recording import RecordingBatch, RegisteredRecordings

log = logging.getLogger("cctv")

_STUCK_AFTER_SECONDS = 30.0
_FLUSH_SECONDS = 1.0


class Detector:
    """One process. `camera_id`: analyse only this camera (pod mode); None: all active cameras (poll mode)."""

    def __init__(self, settings: Settings, camera_id: int | None) -> None:
        self._settings, self._camera_id = settings, camera_id
        self.metrics = Metrics()
        self._sources = Sources.of(settings)
        self._spool = self._open_spool()
        self._api = Api(settings, self.metrics)
        self._sender = Sender(self._spool, self._api.deliver, self.metrics)
        self._models = self._make_models(settings.model, settings.model_sha256)
        self._shadow_models = self._make_shadow_models()
        self._recording_spool = self._open_recording_spool()
        self._recording_sender = RecordingSender(self._recording_spool, self._recording_store(), self._register)
        self._cameras = Cameras(self._build_shared())
        self._heart = Heart(
            self._cameras.reporters,
            lambda camera_id, heartbeat: self._api.call(lambda client: client.heartbeat(camera_id, heartbeat)),
            settings.heartbeat_interval_seconds,
            on_answer=self._on_api_answer,
        )
        ask = AllCameras(self._api, settings.group) if camera_id is None else OneCamera(self._api, camera_id)
        self._poller = Poller(
            ask,
            self._cameras.apply,
            settings.poll_interval_seconds,
            self._on_api_answer,
            is_notified=lambda: self._tasks.is_listening,
        )
        self._tasks = DetectorTasks(
            self._api,
            Prober(self._sources.probe_source),
            Devices(self._sources.options),
            self._cameras.look,
            self._poller.ask_now,
        )
        self._status = self._open_status()

    def run(self) -> None:
        """Run until `stop` is called and all components have ended."""
        self._status.start()
        self._sender.start()
        self._recording_sender.start()
        self._heart.start()
        self._cameras.start()
        self._tasks.start()
        try:
            self._poller.run()
        finally:
            self._end()

    def stop(self) -> None:
        """Make `run` return soon; callable from any thread or signal handler."""
        self._poller.stop()

    def liveness_problem(self) -> str | None:
        """Return why the process must be restarted; None if it need not."""
        silence = time.monotonic() - self._cameras.checked_at
        if silence > _STUCK_AFTER_SECONDS:
            return f"the watchdog has not run for {silence:.0f} s"
        # Of all cameras: a failed CUDA context can only be recovered by restarting the process.
        return self._cameras.analysis_problem()

    def readiness_problem(self) -> str | None:
        """Return why the detector is not working; None if it is."""
        if not self._poller.has_answer:
            return "the API has not said yet what to watch"
        if self._camera_id is not None and self._cameras.count() == 0:
            return (
                "the camera's configuration is not understood"
                if self._cameras.configuration_problem()
                else "the camera is not active"
            )
        watched, streaming = self._cameras.count(), self._cameras.streaming()
        return "no camera delivers frames" if watched and not streaming else None

    def _end(self) -> None:
        log.info("stopping")
        self._tasks.stop()
        self._cameras.stop()
        self._heart.stop(0.5)
        self._sender.stop(_FLUSH_SECONDS)
        self._recording_sender.stop(_FLUSH_SECONDS)
        left = self._spool.waiting().alerts
        if left:
            log.info("%d undelivered alerts remain on disk for the next start", left)
        self._status.close()
        self._models.close()
        if self._shadow_models is not None:
            with contextlib.suppress(OSError):
                self._shadow_models.close()
        self._api.close()
        self._spool.close()

    def _make_models(self, default: str, sha256: str) -> Models:
        settings = self._settings
        return Models(
            default,
            runtime=settings.runtime.replace("triton", ""),
            device=settings.model_device,
            precision=settings.model_precision,
            sha256=sha256,
            pins=settings.model_pins,
            server_url=settings.triton_url,
            int8=settings.model_int8,
            batch_size=settings.model_batch_size,
        )

    def _make_shadow_models(self) -> ShadowModels | None:
        settings = self._settings
        if not settings.shadow_model:
            return None
        guard = ShadowGuard(settings.spool_dir / "state", f"{settings.shadow_trial} {settings.shadow_model}")
        models = self._make_models(settings.shadow_model, settings.shadow_model_sha256)
        return ShadowModels(models, guard, settings.shadow_trial)

    def _build_shared(self) -> Shared:
        settings, sources = self._settings, self._sources
        return Shared(
            models=self._models,
            spool=self._spool,
            states=StateStore(settings.spool_dir / "state"),
            metrics=self.metrics,
            make_source=sources.camera_source,
            make_main_source=sources.main_source,
            on_spooled=self._sender.notify,
            on_change=lambda camera_id: self._heart.change(camera_id),
            detector_name=settings.detector_name,
            reader_options=ReaderOptions(
                stuck_seconds=settings.stream_open_timeout_seconds + settings.stream_read_timeout_seconds + 5.0,
                frozen_after_seconds=settings.frozen_after_seconds,
            ),
            offline_alert_after_seconds=settings.offline_alert_after_seconds,
            send_live=lambda camera_id, jpeg, taken_at, masks: self._api.call(
                lambda client: client.send_frame(camera_id, jpeg, taken_at, masks)
            ),
            clip_limits=ClipLimits(
                settings.clip_seconds_before, settings.clip_seconds_after, int(settings.clip_max_bytes)
            ),
            recordings=self._recording_spool,
            on_recorded=self._recording_sender.notify,
            device_options=sources.options,
            shadow=self._shadow_models,
            cost=CostMeter(self._models.busy.seconds) if self._shadow_models is None else None,
        )

    def _on_api_answer(self) -> None:
        self._sender.api_is_back()
        self._recording_sender.api_is_back()

    def _register(self, camera_id: int, batch: RecordingBatch) -> RegisteredRecordings:
        return self._api.call(lambda client: client.register_recordings(camera_id, batch))

    def _recording_store(self) -> Store:
        if self._settings.recording_dir is not None:
            return DirectoryStore(self._settings.recording_dir, may_create=self._recording_spool.is_new)
        return UploadStore(
            lambda camera_id, order: self._api.call(lambda client: client.recording_uploads(camera_id, order))
        )

    def _recording_room(self) -> int:
        """Return the space for waiting recordings: by default, what alerts leave, so that a pod's volume suffices."""
        chosen = self._settings.recording_spool_max_bytes
        if chosen is not None:
            return int(chosen)
        return max(0, int(self._settings.spool_max_bytes) - self._spool.waiting().size_bytes)

    def _open_recording_spool(self) -> RecordingSpool:
        settings = self._settings
        try:
            return RecordingSpool(settings.spool_dir / "recordings", self._recording_room)
        except OSError as error:
            raise InvalidSettingError(f"VIGIL_SPOOL_DIR: must be a writable folder; {error.strerror}") from None

    def _open_spool(self) -> Spool:
        settings = self._settings
        try:
            return Spool(
                settings.spool_dir,
                settings.spool_max_bytes,
                settings.spool_max_age_hours * 3600.0,
                on_drop=self._on_drop,
            )
        except SpoolInUseError as error:
            raise InvalidSettingError(f"VIGIL_SPOOL_DIR: {error}") from None
        except OSError as error:
            raise InvalidSettingError(f"VIGIL_SPOOL_DIR: must be a writable folder; {error.strerror}") from None

    def _on_drop(self, camera_id: int, why: str) -> None:
        words = {"full": "the spool has no more room", "old": "it waited too long"}
        log.warning("camera %d: dropped a waiting alert, image or clip: %s", camera_id, words[why])
        self.metrics.spool_dropped.labels(str(camera_id), why).inc()

    def _open_status(self) -> StatusServer:
        settings = self._settings
        with listening("VIGIL_METRICS_PORT", settings.metrics_address, settings.metrics_port):
            return StatusServer(
                settings.metrics_address,
                settings.metrics_port,
                self.metrics.registry,
                liveness_problem=self.liveness_problem,
                readiness_problem=self.readiness_problem,
                refresh=self._measure_spool,
            )

    @property
    def status_port(self) -> int:
        """Return the port of /metrics, /healthz and /readyz."""
        return int(self._status.server_address[1])

    def _measure_spool(self) -> None:
        for camera_id in {*self._spool.cameras(), *self._cameras.reporters()}:
            waiting = self._spool.waiting(camera_id)
            self.metrics.spool_alerts.labels(str(camera_id)).set(waiting.alerts)
            self.metrics.spool_bytes.labels(str(camera_id)).set(waiting.size_bytes)
            size_bytes = self._recording_spool.size_bytes(camera_id)
            self.metrics.recording_bytes.labels(str(camera_id)).set(size_bytes)
