"""A real model in shadow of itself agrees with it; another model does not."""

import time
from pathlib import Path

import pytest
from tests.integration.detector.clips import PERSONS, sampled

from cctv.detectors.model_files import DEMO_MODEL
from cctv.detectors.model_pool import Models
from cctv.metrics import Metrics
from cctv.vision.analysis import Analysis
from cctv.vision.shadow import Shadow
from cctv.vision.shadow_guard import ShadowGuard
from cctv.vision.shadow_models import ShadowModels
from cctv.vision.state_store import StateStore
from vigil_contracts.camera import CameraConfiguration
from vigil_contracts.detection import Detection
from vigil_contracts.shadow import ShadowCounts, ShadowReport, ShadowState

CAMERA = CameraConfiguration(
    id=1,
    name="Shop",
    rtsp_url="rtsp://host/stream",
    revision="1",
    detection=Detection(classes=("person",), frames_per_second=5),
)
CLIP_SECONDS = 60


@pytest.mark.timeout(300)
def test_model_agrees_with_itself_and_not_with_another(model_folder: Path, shared: Path, tmp_path: Path) -> None:
    clip = shared / "videos" / PERSONS
    same = compare(model_folder, model_folder.as_posix(), clip, tmp_path / "same")
    assert same.agreed >= 2
    assert (same.missed, same.new, same.skipped_frames) == (0, 0, 0)
    assert same.live.confidences == same.shadow.confidences
    assert same.live.inferences == same.shadow.inferences
    assert (same.shadow.seconds_per_frame or 0) > 0

    other = compare(model_folder, DEMO_MODEL, clip, tmp_path / "other")
    assert other.new >= 3, "the demo model sees people in this clip where there are none"
    assert other.agreed + other.missed == same.agreed


def compare(model_folder: Path, shadow_model: str, clip: Path, folder: Path) -> ShadowCounts:
    """Return what was counted at the end of a clip, of which the shadow analysed each frame."""
    metrics = Metrics()
    live, other = Models(str(model_folder), runtime="openvino"), Models(shadow_model, runtime="openvino")
    shadow_models = ShadowModels(other, ShadowGuard(folder, "trial"), "trial")
    analysis = Analysis(CAMERA, live, StateStore(folder), metrics, 60.0)
    shadow = Shadow(CAMERA, analysis, shadow_models, metrics, settling_seconds=0.0)
    try:
        until(shadow, lambda report: report.state is not ShadowState.LOADING)
        for number, frame in enumerate(sampled(clip, 5.0), start=1):
            if frame.monotonic_seconds > CLIP_SECONDS:
                break
            with shadow.paused():
                events = analysis.analyser.process(frame)
            shadow.offer(frame, events)
            until(shadow, lambda report, offered=number: report.counts.shadow.frames >= offered)
        assert shadow.report().state is ShadowState.RUNNING, shadow.report().failure
        return shadow.report().counts
    finally:
        shadow.stop(10)
        shadow_models.close()
        live.close()


def until(shadow: Shadow, condition) -> ShadowReport:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + 60
    while not condition(report := shadow.report()):
        assert time.monotonic() < deadline, report
        time.sleep(0.002)
    return report
