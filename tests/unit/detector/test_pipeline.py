"""A camera whose frames arrive but are not analysed reports it, and recovers."""

import errno
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from pydantic import SecretStr

from cctv.common.cost_meter import CostMeter
from cctv.common.frame import Frame
from cctv.delivery import spool as spool_module
from cctv.delivery.spool import Spool
from cctv.detectors.errors import ModelInvalidError
from cctv.detectors.model import Detections
from cctv.detectors.model_pool import Models
from cctv.metrics import Metrics
from cctv.pipeline import CameraPipeline, Shared
from cctv.runtime.cameras import Cameras
from cctv.streams.faults import StreamFault
from cctv.streams.reader import ReaderOptions
from cctv.streams.source import StreamInfo
from cctv.vision.state_store import StateStore
from vigil_contracts.alert import AlertSubmission
from vigil_contracts.api_client import ActiveCameras
from vigil_contracts.camera import CameraConfiguration
from vigil_contracts.camera_events import DetectionSource
from vigil_contracts.detection import Detection
from vigil_contracts.health import Heartbeat
from vigil_contracts.names import AlertType, CameraPhase, Reason

CAMERA = CameraConfiguration.model_validate(
    {"id": 1, "name": "Yard", "rtsp_url": "rtsp://host/stream", "revision": "1"}
)
NOT_UNDERSTOOD = ActiveCameras((), frozenset({1}), {1: "detection.rules.0: Input tag 'levitation' found"})


class MovingSource:
    """Twenty frames a second in which something moves, for ever."""

    def __init__(self) -> None:
        self._end = threading.Event()

    def open(self) -> StreamInfo:
        return self.info()

    def info(self) -> StreamInfo:
        return StreamInfo(64, 48, "h264", 20.0)

    def frames(self) -> Iterator[av.VideoFrame]:
        number = 0
        while not self._end.wait(0.05):
            number += 1
            picture = np.random.default_rng(number).integers(0, 255, (48, 64, 3), dtype=np.uint8)
            yield av.VideoFrame.from_ndarray(picture, format="rgb24")

    def received_at(self) -> float | None:
        return None

    def interrupt(self) -> None:
        self._end.set()

    def close(self) -> None:
        self._end.set()


class BriefSource(MovingSource):
    """Gives one frame, and then the camera is gone."""

    def __init__(self, pictures_left: list[str]) -> None:
        super().__init__()
        self._pictures_left = pictures_left

    def open(self) -> StreamInfo:
        if not self._pictures_left:
            raise StreamFault(Reason.STREAM_UNREACHABLE)
        return super().open()

    def frames(self) -> Iterator[av.VideoFrame]:
        yield next(super().frames())
        self._pictures_left.pop()


class TroubledModel:
    """Does what a test says; the first frame, with which it is warmed up, is always answered."""

    labels, input_size = ("person",), (64, 48)

    def __init__(self) -> None:
        self.trouble: Callable[[], None] = lambda: None
        self.asked = 0

    def submit(self, frame: Frame) -> Future[Detections]:
        future: Future[Detections] = Future()
        self.asked += 1
        if self.asked > 1:
            self.trouble()
        future.set_result(Detections.none())
        return future

    def detect(self, frame: Frame) -> Detections:
        return self.submit(frame).result()

    def close(self) -> None:
        """Nothing."""


class Stage:
    """One camera that is watched with a troubled model."""

    def __init__(self, folder: Path, model: TroubledModel) -> None:
        self.model, self.metrics = model, Metrics()
        self.spool = Spool(folder, 10**6)
        self.loads: list[Exception] = []
        self.shared = Shared(
            models=Models("", load=self._load),
            spool=self.spool,
            states=StateStore(folder / "state"),
            metrics=self.metrics,
            make_source=lambda camera, recorder, segments, wants: MovingSource(),
            make_main_source=lambda camera, recorder, segments: MovingSource(),  # type: ignore[arg-type,return-value]
            on_spooled=lambda: None,
            on_change=lambda camera_id: None,
            detector_name="here",
            reader_options=ReaderOptions(frozen_after_seconds=0.0),
        )
        self.cameras = Cameras(self.shared)

    def _load(self, name: str, prompts: tuple[str, ...]) -> TroubledModel:
        if self.loads:
            raise self.loads.pop()
        return self.model

    def begin(self) -> None:
        self.cameras.start()
        self.cameras.apply(ActiveCameras((CAMERA,)))

    def beat(self) -> Heartbeat:
        return self.cameras.reporters()[1]()

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline, self.beat()
            time.sleep(0.02)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr("cctv.vision.work_watch.FAILING_SECONDS", 0.3)
    monkeypatch.setattr("cctv.vision.work_watch.HUNG_SECONDS", 0.6)
    monkeypatch.setattr("cctv.runtime.cameras._CHECK_EVERY_SECONDS", 0.05)
    monkeypatch.setattr("cctv.pipeline._AGAIN_SECONDS", 0.05)
    made = Stage(tmp_path, TroubledModel())
    yield made
    made.model.trouble = lambda: None
    made.cameras.stop()
    made.spool.close()


def _fails() -> None:
    raise RuntimeError("CUDA error: device-side assert triggered")


def test_model_failing_with_every_frame_is_reported(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.begin()
    stage.until(lambda: stage.beat().reason is Reason.STREAMING)
    assert stage.cameras.analysis_problem() is None

    stage.model.trouble = _fails
    stage.until(lambda: stage.beat().reason is Reason.MODEL_INVALID)
    told = stage.beat()
    assert told.phase is CameraPhase.FAILED
    assert "the model fails with every frame: RuntimeError" in told.message
    assert stage.cameras.analysis_problem() == "the model fails with every frame: RuntimeError"
    assert stage.cameras.streaming() == 0, "the detector is not ready"
    assert stage.metrics.registry.get_sample_value("vigil_stream_up", {"camera": "1"}) == 1, "pictures do arrive"
    failed = stage.metrics.registry.get_sample_value("vigil_analysis_errors_total", {"camera": "1"})
    assert failed is not None
    assert failed > 1
    lines = [record for record in caplog.records if "could not analyse a frame" in record.getMessage()]
    assert len(lines) == 1, "once for a series of failures"

    stage.model.trouble = lambda: None
    stage.until(lambda: stage.beat().reason is Reason.STREAMING)
    assert stage.cameras.streaming() == 1


def test_hanging_model_is_reported(stage: Stage) -> None:
    stage.begin()
    stage.until(lambda: stage.beat().reason is Reason.STREAMING)
    goes_on = threading.Event()
    stage.model.trouble = lambda: (goes_on.wait(30), None)[1]
    stage.until(lambda: "the model does not answer" in stage.beat().message)
    assert stage.beat().phase is CameraPhase.FAILED

    stage.model.trouble = lambda: None
    goes_on.set()
    stage.until(lambda: stage.beat().reason is Reason.STREAMING)


@pytest.mark.parametrize("error", [ModelInvalidError("no such model"), RuntimeError("GPU out of memory")])
def test_unavailable_model_is_reported_and_retried(
    stage: Stage, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vigil_contracts.backoff.random.uniform", lambda low, high: 0.04)
    stage.loads.append(error)
    stage.begin()
    stage.until(lambda: stage.beat().reason is Reason.MODEL_INVALID)
    assert str(error) in stage.beat().message
    stage.until(lambda: stage.beat().reason is Reason.STREAMING)


def test_failed_analysis_is_restarted(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    broke: list[str] = []

    def breaks(pipeline: CameraPipeline, *_: Any, has_picture: bool) -> None:
        if len(broke) < 2:
            broke.append("once")
            raise ZeroDivisionError

    monkeypatch.setattr(CameraPipeline, "_check_for_outage", breaks)
    stage.begin()
    stage.until(lambda: len(broke) == 2)
    asked = stage.model.asked
    stage.until(lambda: stage.model.asked > asked + 3)
    assert stage.beat().reason is Reason.STREAMING


def test_objects_in_view_are_reported_while_the_camera_asks_for_them(stage: Stage) -> None:
    stage.begin()
    stage.until(lambda: stage.beat().phase is CameraPhase.STREAMING)
    assert stage.beat().objects is None
    asking = CAMERA.model_copy(update={"report_objects": True, "revision": "2"})
    stage.cameras.apply(ActiveCameras((asking,)))
    stage.until(lambda: stage.beat().objects is not None)
    assert [(one.alert_type, one.count) for one in stage.beat().objects or ()] == [(AlertType.PERSON, 0)]
    stage.cameras.apply(ActiveCameras((CAMERA,)))
    stage.until(lambda: stage.beat().objects is None)


def test_camera_lost_during_the_first_inference_is_an_outage(stage: Stage) -> None:
    pictures_left = ["one"]

    def until_it_is_gone() -> None:
        stage.until(lambda: stage.beat().reason is not Reason.STREAMING)

    stage.model.trouble = until_it_is_gone
    stage.shared = replace(
        stage.shared,
        make_source=lambda camera, recorder, segments, wants: BriefSource(pictures_left),
        offline_alert_after_seconds=0.2,
    )
    stage.cameras = Cameras(stage.shared)
    stage.begin()
    stage.until(lambda: stage.spool.waiting().alerts == 1)
    entry = stage.spool.head(1)
    assert entry is not None
    told = stage.spool.read(entry)[0]
    assert isinstance(told, AlertSubmission)
    assert told.alert_type is AlertType.CAMERA_OFFLINE


def test_alert_rejected_by_a_read_only_disk_is_written_once_later(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("cctv.delivery.unwritten.RETRY_FIRST_SECONDS", 0.05)
    write, refusals = spool_module._write_durably, []

    def refuse(folder: Path, name: str, data: bytes) -> None:
        refusals.append(name)
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(spool_module, "_write_durably", refuse)
    pictures_left = ["one"]
    stage.shared = replace(
        stage.shared,
        make_source=lambda camera, recorder, segments, wants: BriefSource(pictures_left),
        offline_alert_after_seconds=0.2,
    )
    stage.cameras = Cameras(stage.shared)
    stage.begin()
    stage.until(lambda: len(refusals) >= 2)
    assert stage.spool.waiting().alerts == 0
    assert stage.shared.states.load(1).get("outage", {}).get("reported") is not True, "a restart would report it"
    assert "could not write an alert: Read-only file system; kept in memory, retrying" in caplog.text

    monkeypatch.setattr(spool_module, "_write_durably", write)
    stage.until(lambda: stage.spool.waiting().alerts == 1)
    stage.until(lambda: stage.shared.states.load(1).get("outage", {}).get("reported") is True)
    asked = len(refusals)
    time.sleep(0.3)
    assert (stage.spool.waiting().alerts, len(refusals)) == (1, asked)


def test_invalid_configuration_of_a_new_camera_is_reported(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        stage.cameras.apply(NOT_UNDERSTOOD)

    told = stage.beat()
    assert (told.phase, told.reason) == (CameraPhase.FAILED, Reason.INVALID_SPEC)
    assert "does not understand the camera's configuration: detection.rules.0: Input tag 'levitation'" in told.message
    lines = [record for record in caplog.records if "does not understand" in record.getMessage()]
    assert len(lines) == 1, "once, not with every answer"
    stage.cameras.apply(ActiveCameras(()))
    assert not stage.cameras.reporters()


def test_invalid_new_configuration_is_reported_and_the_old_one_kept(stage: Stage) -> None:
    stage.begin()
    stage.until(lambda: stage.beat().reason is Reason.STREAMING)
    asked = stage.model.asked

    stage.cameras.apply(NOT_UNDERSTOOD)
    told = stage.beat()
    assert (told.phase, told.reason) == (CameraPhase.DEGRADED, Reason.INVALID_SPEC)
    assert told.message.endswith("The former settings stay in use.")
    assert told.stream.width == 64
    stage.until(lambda: stage.model.asked > asked + 3)

    stage.cameras.apply(ActiveCameras((CAMERA,)))
    assert stage.beat().reason is Reason.STREAMING


def test_camera_with_its_own_events_loads_no_model(stage: Stage) -> None:
    stage.loads.append(AssertionError("a model was loaded"))
    by_itself = CAMERA.model_copy(
        update={
            "detection": Detection(source=DetectionSource.ONVIF),
            "rtsp_url": SecretStr("rtsp://127.0.0.1/stream"),
        }
    )
    stage.cameras.start()
    stage.cameras.apply(ActiveCameras((by_itself,)))
    stage.until(lambda: stage.beat().reason is Reason.EVENTS_UNAVAILABLE)
    beat = stage.beat()
    assert beat.phase is CameraPhase.DEGRADED
    assert "not in an allowed network" in beat.message
    assert (beat.inference.model, stage.model.asked, len(stage.loads)) == ("", 0, 1)


def test_heartbeat_tells_what_the_camera_costs(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cctv.common.cost_meter.SAMPLE_SECONDS", 0.1)
    meter = CostMeter(stage.shared.models.busy.seconds)
    stage.shared = replace(stage.shared, cost=meter)
    stage.cameras = Cameras(stage.shared)
    stage.begin()
    assert stage.beat().cost is None
    stage.until(lambda: stage.beat().cost is not None)
    cost = stage.beat().cost
    assert cost is not None
    assert 0 < cost.cpu_cores.p50 <= cost.cpu_cores.p95
    assert cost.memory_bytes is not None
    assert cost.memory_bytes.p50 > 10**6
    assert stage.shared.models.busy.seconds() > 0
    assert cost.inference_share.p95 <= 1


def test_model_that_refuses_a_frame_is_not_busy_afterwards(stage: Stage) -> None:
    stage.begin()
    stage.until(lambda: stage.model.asked > 3)
    stage.model.trouble = _fails
    stage.until(lambda: stage.cameras.analysis_problem() is not None)
    stage.model.trouble = lambda: None
    stage.cameras.apply(ActiveCameras(()))
    busy = stage.shared.models.busy
    before = busy.seconds()
    time.sleep(0.05)
    assert busy.seconds() == before
