"""The cameras of a process: a pipeline for each, started, changed and ended without touching the others."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from cctv.pipeline import CameraPipeline, Shared
from vigil_contracts.api_client import ActiveCameras
from vigil_contracts.camera import CameraConfiguration, Heartbeat

log = logging.getLogger("cctv")

_CHECK_EVERY_SECONDS = 1.0
_STOP_SECONDS = 4.0


class Cameras:
    """`want` is called by one thread; everything else by any."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._lock = threading.Lock()
        self._pipelines: dict[int, CameraPipeline] = {}
        self._stopping = threading.Event()
        self._watchdog = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self.checked_at = time.monotonic()

    def start(self) -> None:
        """Begins to look after the pipelines."""
        self._watchdog.start()

    def want(self, wanted: ActiveCameras) -> None:
        """Makes the watched cameras those of `wanted`; returns when those no longer wanted are silent."""
        by_id = {camera.id: camera for camera in wanted.cameras}
        active = wanted.unreadable | by_id.keys()
        with self._lock:
            gone = [self._pipelines.pop(camera_id) for camera_id in [*self._pipelines] if camera_id not in active]
        for camera_id in sorted(wanted.unreadable):
            log.error("camera %s has a configuration that this version does not understand", camera_id)
        self._end(gone)
        for camera in by_id.values():
            pipeline = self._pipelines.get(camera.id)
            if pipeline is None:
                self._begin(camera)
            elif pipeline.camera != camera:
                pipeline.reconfigure(camera)

    def stop(self) -> None:
        """Ends all pipelines."""
        self._stopping.set()
        self.want(ActiveCameras(()))

    def reporters(self) -> Mapping[int, Callable[[], Heartbeat]]:
        """What makes each camera's heartbeat."""
        with self._lock:
            return {camera_id: pipeline.heartbeat for camera_id, pipeline in self._pipelines.items()}

    def count(self) -> int:
        """How many cameras are watched."""
        with self._lock:
            return len(self._pipelines)

    def streaming(self) -> int:
        """How many of them give pictures that are analysed."""
        with self._lock:
            return sum(pipeline.is_streaming for pipeline in self._pipelines.values())

    def trouble(self) -> str:
        """Why not one of the cameras' pictures is analysed; empty: those of some are."""
        with self._lock:
            troubles = [pipeline.trouble for pipeline in self._pipelines.values()]
        return troubles[0] if troubles and all(troubles) else ""

    def _begin(self, camera: CameraConfiguration) -> None:
        pipeline = CameraPipeline(camera, self._shared)
        with self._lock:
            self._pipelines[camera.id] = pipeline
        log.info("watching camera %s", camera.id)
        pipeline.start()

    def _end(self, pipelines: Sequence[CameraPipeline]) -> None:
        """All at once, so that many cameras take no longer than one."""
        if not pipelines:
            return
        with ThreadPoolExecutor(min(32, len(pipelines))) as pool:
            list(pool.map(lambda pipeline: pipeline.stop(_STOP_SECONDS), pipelines))
        for pipeline in pipelines:
            self._shared.metrics.forget(pipeline.camera.id)
            log.info("camera %s is no longer watched", pipeline.camera.id)

    def _watch(self) -> None:
        while not self._stopping.wait(_CHECK_EVERY_SECONDS):
            with self._lock:
                pipelines = [*self._pipelines.values()]
            for pipeline in pipelines:
                try:
                    pipeline.check()
                except Exception:  # the others still need looking after
                    log.exception("a reader cannot be looked after")
            self.checked_at = time.monotonic()
