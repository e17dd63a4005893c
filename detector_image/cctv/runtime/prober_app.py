"""`cctv --prober`: test streams, discover cameras and talk to ONVIF devices, without analysing any.

Needed in a cluster, where each detector receives tasks for its own camera only: no other program could test a stream
before its camera exists, or of a camera without a detector. It loads no model and keeps nothing on disk.
"""

import logging
import threading

from cctv.config import Settings, listening
from cctv.metrics import Metrics
from cctv.onvif.devices import Devices
from cctv.runtime.api import Api
from cctv.runtime.detector_tasks import DetectorTasks
from cctv.runtime.http_server import StatusServer
from cctv.streams.probe import Prober
from cctv.streams.sources import Sources

log = logging.getLogger("cctv")


class ProberProgram:
    """One process with a token of the scope `prober`. Raises InvalidSettingError."""

    def __init__(self, settings: Settings) -> None:
        self._metrics = Metrics()
        self._stopping = threading.Event()
        self._api = Api(settings, self._metrics)
        sources = Sources.of(settings)
        self._tasks = DetectorTasks(
            self._api,
            Prober(sources.probe_source),
            Devices(sources.options),
            lambda _camera_id, _seconds: None,
            lambda: None,
        )
        with listening("VIGIL_METRICS_PORT", settings.metrics_address, settings.metrics_port):
            self._status = StatusServer(
                settings.metrics_address,
                settings.metrics_port,
                self._metrics.registry,
                liveness_problem=lambda: None,
                readiness_problem=self.readiness_problem,
                refresh=lambda: None,
            )

    def run(self) -> None:
        """Run until stopped."""
        log.info("ready to test streams and discover cameras")
        self._status.start()
        self._tasks.start()
        self._stopping.wait()
        self._tasks.stop()
        self._status.close()
        self._api.close()

    def stop(self) -> None:
        """Make `run` return soon; callable from any thread or signal handler."""
        self._stopping.set()

    def readiness_problem(self) -> str | None:
        """Return why this process receives no tasks; None if it does."""
        return None if self._tasks.is_listening else "the API cannot be listened to"
