"""The cameras of a process: start, change and stop one pipeline per camera without disturbing the others."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial

from cctv.logs import camera_logger
from cctv.pipeline import CameraPipeline, Shared
from vigil_contracts.api_client import ActiveCameras
from vigil_contracts.camera import CameraConfiguration
from vigil_contracts.health import Heartbeat
from vigil_contracts.names import CameraPhase, Reason

log = logging.getLogger("cctv")

_CHECK_EVERY_SECONDS = 1.0
_STOP_SECONDS = 4.0


class Cameras:
    """Call `want` from one thread only; everything else is thread-safe."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._lock = threading.Lock()
        self._pipelines: dict[int, CameraPipeline] = {}
        self._problems: dict[int, str] = {}
        """The problem of each camera whose newest configuration is invalid; its former configuration stays in use."""
        self._stopping = threading.Event()
        self._watchdog = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self.checked_at = time.monotonic()

    def start(self) -> None:
        """Start the watchdog of the pipelines."""
        self._watchdog.start()

    def apply(self, wanted: ActiveCameras) -> None:
        """Start, change and stop pipelines to match `wanted`; return when the removed ones have stopped."""
        by_id = {camera.id: camera for camera in wanted.cameras}
        active = wanted.unreadable | by_id.keys()
        with self._lock:
            gone = [self._pipelines.pop(camera_id) for camera_id in [*self._pipelines] if camera_id not in active]
        self._note_problems({camera_id: wanted.problems.get(camera_id, "") for camera_id in wanted.unreadable})
        self._end(gone)
        for camera in by_id.values():
            pipeline = self._pipelines.get(camera.id)
            if pipeline is None:
                self._begin(camera)
            elif pipeline.camera != camera:
                pipeline.reconfigure(camera)

    def stop(self) -> None:
        """Stop all pipelines."""
        self._stopping.set()
        self.apply(ActiveCameras(()))

    def reporters(self) -> Mapping[int, Callable[[], Heartbeat]]:
        """Return a function per camera that builds its heartbeat."""
        with self._lock:
            watched = {camera_id: pipeline.heartbeat for camera_id, pipeline in self._pipelines.items()}
            return watched | {camera_id: partial(self._report_problem, camera_id) for camera_id in self._problems}

    def look(self, camera_id: int, seconds: float) -> None:
        """Send live frames of the camera for the next `seconds`, if this process analyses it."""
        with self._lock:
            pipeline = self._pipelines.get(camera_id)
        if pipeline is not None:
            pipeline.live.request(seconds)

    def count(self) -> int:
        """Return the number of cameras with a pipeline."""
        with self._lock:
            return len(self._pipelines)

    def configuration_problem(self) -> str | None:
        """Return the problem of one invalid configuration; None if all are valid."""
        with self._lock:
            return next(iter(self._problems.values()), None)

    def streaming(self) -> int:
        """Return the number of cameras whose frames are analysed."""
        with self._lock:
            return sum(pipeline.is_streaming for pipeline in self._pipelines.values())

    def analysis_problem(self) -> str | None:
        """Return why no camera's frames are analysed; None if at least one's are."""
        with self._lock:
            problems = [pipeline.analysis_problem for pipeline in self._pipelines.values()]
        return problems[0] if problems and all(problems) else None

    def _note_problems(self, problems: dict[int, str]) -> None:
        """Log each configuration problem once, not with every poll."""
        with self._lock:
            former, self._problems = self._problems, problems
        for camera_id in sorted(former.keys() | problems.keys()):
            if former.get(camera_id) == problems.get(camera_id):
                continue
            if camera_id in problems:
                camera_logger(camera_id).error("%s", _not_understood(problems[camera_id]))
            self._shared.on_change(camera_id)

    def _report_problem(self, camera_id: int) -> Heartbeat:
        """Return the heartbeat of a camera whose newest configuration is invalid."""
        with self._lock:
            pipeline, problem = self._pipelines.get(camera_id), self._problems.get(camera_id, "")
        message = _not_understood(problem)[:400]
        if pipeline is None:
            waiting = self._shared.spool.waiting(camera_id).alerts
            return Heartbeat(
                phase=CameraPhase.FAILED,
                reason=Reason.INVALID_SPEC,
                message=message,
                spooled_alerts=waiting,
                detector=self._shared.detector_name,
                sent_at=datetime.now(UTC),
            )
        beat = pipeline.heartbeat()
        if beat.phase is not CameraPhase.STREAMING:  # a stream fault is more severe
            return beat
        told = {"phase": CameraPhase.DEGRADED, "reason": Reason.INVALID_SPEC}
        return beat.model_copy(update={**told, "message": f"{message} The former settings stay in use."})

    def _begin(self, camera: CameraConfiguration) -> None:
        pipeline = CameraPipeline(camera, self._shared)
        with self._lock:
            self._pipelines[camera.id] = pipeline
        log.info("started camera %s", camera.id)
        pipeline.start()

    def _end(self, pipelines: Sequence[CameraPipeline]) -> None:
        """Stop the pipelines in parallel, so that many cameras take no longer than one."""
        if not pipelines:
            return
        with ThreadPoolExecutor(min(32, len(pipelines))) as pool:
            list(pool.map(lambda pipeline: pipeline.stop(_STOP_SECONDS), pipelines))
        for pipeline in pipelines:
            self._shared.metrics.forget(pipeline.camera.id)
            log.info("stopped camera %s", pipeline.camera.id)

    def _watch(self) -> None:
        while not self._stopping.wait(_CHECK_EVERY_SECONDS):
            with self._lock:
                pipelines = [*self._pipelines.values()]
            for pipeline in pipelines:
                try:
                    pipeline.check()
                except Exception:  # the other pipelines must still be checked
                    log.exception("the watchdog failed to check a camera")
            if self._shared.cost is not None:
                self._shared.cost.sample(self.streaming())
            self.checked_at = time.monotonic()


def _not_understood(problem: str) -> str:
    return "This version does not understand the camera's configuration" + (f": {problem}." if problem else ".")
