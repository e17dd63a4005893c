"""Detector tasks: what the API asks for over one stream of events: live frames, new settings, probes, discovery."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import av.error

from cctv.onvif.devices import Devices
from cctv.recording.frame_at import frame_at
from cctv.runtime.api import Api
from cctv.streams.discovery import discover
from cctv.streams.probe import Prober
from vigil_contracts.api_client import ApiClient, ApiError
from vigil_contracts.backoff import Backoff
from vigil_contracts.detector_tasks import (
    RESULT_TYPES,
    ClaimedTask,
    FrameResult,
    RecordedFrame,
    TaskEvent,
    TaskKind,
    TaskResult,
)
from vigil_contracts.names import Reason

log = logging.getLogger("cctv")

AT_ONCE = 4
"""Tries at streams, and searches, at the same time."""
_NOT_FETCHED = "The detector cannot fetch the recording from the storage. Its log gives the cause."
_NOT_DECODED = "The recording of this time cannot be decoded."
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 15.0


class DetectorTasks:
    """A thread that listens for tasks, and a few that test streams, discover cameras and talk to ONVIF devices.

    `on_live`: send live frames of a camera for so many seconds. `on_configuration`: a camera's settings have changed.
    """

    def __init__(
        self,
        api: Api,
        prober: Prober,
        devices: Devices,
        on_live: Callable[[int, float], None],
        on_configuration: Callable[[], None],
    ) -> None:
        self._api, self._prober, self._devices = api, prober, devices
        self._on_live, self._on_configuration = on_live, on_configuration
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="probe")
        self._thread = threading.Thread(target=self._run, name="detector-tasks", daemon=True)
        self.is_listening = False

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends; what is under way may go on for a moment. The thread dies with the API's client."""
        self._stopping.set()
        self._prober.stop()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        backoff = Backoff(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
        is_known = False
        while not self._stopping.is_set():
            try:
                self._api.call(self._listen)
                backoff.reset()
                is_known = False
            except ApiError as error:
                # The client is closed under this thread at the end.
                if not is_known and not self._stopping.is_set():
                    log.warning("the API cannot be listened to: %s", error)
                is_known = True
            except RuntimeError:
                return
            finally:
                self.is_listening = False
            self._stopping.wait(backoff.next_seconds())

    def _listen(self, client: ApiClient) -> None:
        for task in client.task_events():
            self.is_listening = True
            if self._stopping.is_set():
                return
            if task is not None:
                self.accept(task)

    def accept(self, task: TaskEvent) -> None:
        """Do the task, or start it in the background."""
        if task.kind is TaskKind.LIVE and task.camera is not None and task.seconds:
            self._on_live(task.camera, task.seconds)
        elif task.kind is TaskKind.CONFIGURATION:
            self._on_configuration()
        elif task.kind in RESULT_TYPES and task.id is not None:
            self._pool.submit(self._run_claimed, task.id)

    def _run_claimed(self, task_id: UUID) -> None:
        try:
            claimed = self._api.call(lambda client: client.claim_task(task_id))
            result, snapshot = self._perform(claimed)
            self._api.call(lambda client: client.send_task_result(task_id, result, snapshot))
        except ApiError as error:
            if error.status not in {404, 409}:  # another detector was faster
                log.warning("a detector task failed: %s", error)
        except Exception:  # one task must not end the others
            log.exception("a detector task failed")

    def _perform(self, claimed: ClaimedTask) -> tuple[TaskResult, bytes | None]:
        """Return the result and, of a stream test, an image."""
        if claimed.kind is TaskKind.DISCOVERY:
            found = discover()
            log.info("cameras were looked for: %d answered", len(found.cameras))
            return found, None
        if claimed.kind is TaskKind.DEVICE and claimed.device_url is not None:
            described = self._devices.inspect(claimed.device_url.get_secret_value())
            log.info("an ONVIF device was asked for its streams: %s", described.reason)
            return described, None
        if claimed.kind is TaskKind.CONTROL and claimed.device_url is not None and claimed.command is not None:
            done = self._devices.control(claimed.device_url.get_secret_value(), claimed.command)
            log.info("camera %s: control %s: %s", claimed.camera, claimed.command.action, done.reason)
            return done, None
        if claimed.kind is TaskKind.FRAME and claimed.frame is not None:
            return self._recorded_frame(claimed.id, claimed.frame)
        if claimed.kind is TaskKind.PROBE and claimed.rtsp_url is not None:
            url = claimed.rtsp_url.get_secret_value()
            probed = self._prober.probe(url, claimed.transport, claimed.privacy_masks)
            if probed.result.reason is not Reason.STREAMING:
                log.info("a stream was tried: %s", probed.result.reason)
            return probed.result, probed.snapshot_jpeg
        raise ValueError(f"the claimed task lacks what a {claimed.kind} needs")

    def _recorded_frame(self, task_id: UUID, wanted: RecordedFrame) -> tuple[TaskResult, bytes | None]:
        try:
            content = self._api.call(lambda client: client.task_recording(task_id))
            jpeg = frame_at(content, wanted.at_ms, wanted.width)
        except ApiError as error:
            log.warning("could not fetch a recording to decode a frame of: %s", error)
            return FrameResult(message=_NOT_FETCHED), None
        except (av.error.FFmpegError, ValueError, IndexError) as error:
            log.warning("could not decode a frame of a recording: %s", error)
            jpeg = None
        return FrameResult(message="" if jpeg is not None else _NOT_DECODED), jpeg
