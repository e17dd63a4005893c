"""A model in shadow is compared with the one in use, and never disturbs it."""

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cctv.detectors.errors import ModelInvalidError, ModelUnavailableError
from cctv.detectors.model_pool import Models
from cctv.metrics import Metrics
from cctv.vision import shadow as shadow_module
from cctv.vision.analysis import Analysis
from cctv.vision.shadow import Shadow, can_shadow
from cctv.vision.shadow_guard import MAX_UNCLEAN_ENDS, ShadowGuard
from cctv.vision.shadow_models import ENDED_THE_DETECTOR, HEALTHY_SECONDS, ShadowModels
from cctv.vision.state_store import StateStore
from vigil_contracts.shadow import ShadowReport, ShadowState

HERE, THERE = (0.3, 0.2, 0.5, 0.8), (0.7, 0.1, 0.9, 0.7)


def person(seconds: float):  # type: ignore[no-untyped-def]
    return [("person", 0.9, HERE)] if seconds >= 1 else []


class Comparison:
    """A camera that is analysed with one model, and another in shadow."""

    def __init__(self, folder: Path, camera, live, shadow, make_frame) -> None:  # type: ignore[no-untyped-def]
        self.metrics, self.make_frame = Metrics(), make_frame
        live_models = Models("live", load=lambda name, prompts: live)
        self.analysis = Analysis(camera, live_models, StateStore(folder), self.metrics, 60.0)
        models = Models("/models/next.xml", load=lambda name, prompts: self._load(shadow))
        self.models = ShadowModels(models, ShadowGuard(folder, "trial"), "trial")
        self._camera = camera
        self.begin_again()
        self.first_run = self.shadow.report().run

    def begin_again(self) -> None:
        self.shadow = Shadow(self._camera, self.analysis, self.models, self.metrics, settling_seconds=0.5)

    def _load(self, shadow: Any) -> Any:
        if isinstance(shadow, Exception):
            raise shadow
        return shadow

    def play(self, seconds: float, *, first: float = 0, waits: bool = True) -> list[str]:
        """Analyse five frames per second; return the types of the live events."""
        self.until(lambda report: report.state is not ShadowState.LOADING)
        found = []
        for number in range(int((seconds - first) * 5)):
            frame = self.make_frame(first + number / 5)
            with self.shadow.paused():
                events = self.analysis.analyser.process(frame)
            self.shadow.offer(frame, events)
            found += [event.alert_type.value for event in events]
            if waits:
                self.until(partial(_has_passed, number + 1))
        return found

    def until(self, condition: Callable[[ShadowReport], bool]) -> ShadowReport:
        deadline = time.monotonic() + 10
        while not condition(report := self.shadow.report()):
            assert time.monotonic() < deadline, report
            time.sleep(0.002)
        return report

    def sample(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, {"camera": "1", **labels})


def _has_passed(offered: int, report: ShadowReport) -> bool:
    """Whether the shadow has done with all frames, or has ended."""
    counts = report.counts
    return report.state is ShadowState.FAILED or counts.shadow.frames + counts.skipped_frames >= offered


@pytest.fixture
def compare(tmp_path: Path, make_camera, scripted_model, make_frame) -> Iterator[Callable[..., Comparison]]:  # type: ignore[no-untyped-def]
    made: list[Comparison] = []

    def make(shadow, live=person, **detection) -> Comparison:  # type: ignore[no-untyped-def]
        model = shadow if isinstance(shadow, Exception) or not callable(shadow) else scripted_model(shadow)
        made.append(Comparison(tmp_path, make_camera(**detection), scripted_model(live), model, make_frame))
        return made[-1]

    yield make
    for one in made:
        one.shadow.stop(5)


def test_same_model_agrees(compare: Callable[..., Comparison]) -> None:
    one = compare(person)
    assert one.play(12) == ["person"]
    counts = one.shadow.report().counts
    assert (counts.agreed, counts.missed, counts.new, counts.skipped_frames) == (1, 0, 0, 0)
    assert counts.live.frames == counts.shadow.frames == 60
    assert counts.live.inferences == counts.shadow.inferences > 0
    assert counts.live.confidences == counts.shadow.confidences
    assert counts.shadow.median_confidence == pytest.approx(0.875, abs=0.051)
    assert one.sample("vigil_shadow_events_total", outcome="agreed") == 1
    assert one.sample("vigil_shadow_frames_total", stage="analysed") == 60
    assert one.sample("vigil_shadow_up") == 1
    live_inferences = one.sample("vigil_inference_seconds_count")
    assert live_inferences == counts.live.inferences, "the shadow does not appear as the model in use"


def test_other_model_misses_one_and_has_a_new_one(compare: Callable[..., Comparison]) -> None:
    one = compare(lambda seconds: [("dog", 0.8, THERE)] if seconds >= 2 else [])
    assert one.play(14) == ["person"], "the shadow's events are no events of the camera"
    counts = one.shadow.report().counts
    assert (counts.agreed, counts.missed, counts.new) == (0, 1, 1)
    assert one.sample("vigil_events_total", type="dog") is None


def test_first_error_ends_the_shadow_only(compare: Callable[..., Comparison]) -> None:
    def breaks(seconds: float):  # type: ignore[no-untyped-def]
        if 3 < seconds < 100:  # the warm-up has the time of the process
            raise RuntimeError("CUDA error at /secret/path")
        return []

    breaking = compare(breaks)
    assert breaking.play(12) == ["person"]
    report = breaking.shadow.report()
    assert (report.state, report.failure) == (ShadowState.FAILED, "The model failed: RuntimeError")
    assert breaking.sample("vigil_shadow_up") == 0


def test_model_that_cannot_be_loaded_is_reported(compare: Callable[..., Comparison]) -> None:
    one = compare(ModelInvalidError("/models/next.xml: is no model"))
    report = one.until(lambda report: report.state is ShadowState.FAILED)
    assert report.failure == "next.xml: is no model"
    assert report.model == "next.xml"
    assert one.play(6) == ["person"]


def test_hanging_shadow_skips_frames_and_the_live_model_goes_on(compare: Callable[..., Comparison]) -> None:
    goes_on = threading.Event()

    def hangs(seconds: float):  # type: ignore[no-untyped-def]
        goes_on.wait(20) if 2 < seconds < 100 else None
        return []

    one = compare(hangs)
    began = time.monotonic()
    assert one.play(12, waits=False) == ["person"]
    assert time.monotonic() - began < 10
    assert one.shadow.report().counts.skipped_frames > 20
    assert one.sample("vigil_shadow_frames_total", stage="skipped") == one.shadow.report().counts.skipped_frames
    goes_on.set()


def test_shadow_waits_for_the_live_model(compare: Callable[..., Comparison], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadow_module, "LIVE_WAIT_SECONDS", 0.05)
    one = compare(person)
    one.until(lambda report: report.state is ShadowState.RUNNING)
    with one.shadow.paused():
        one.shadow.offer(one.make_frame(0.0), [])
        assert one.until(lambda report: report.counts.skipped_frames == 1).counts.shadow.frames == 0


def test_unavailable_server_is_waited_for(
    compare: Callable[..., Comparison], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vigil_contracts.backoff.random.uniform", lambda low, high: 0.01)
    failing = [ModelUnavailableError("the server does not answer")] * 2
    monkeypatch.setattr(
        Comparison, "_load", lambda self, shadow: (_ for _ in ()).throw(failing.pop()) if failing else shadow
    )
    assert compare(person).play(3) == ["person"]
    assert not failing


def test_what_was_reported_before_is_not_new(compare: Callable[..., Comparison]) -> None:
    one = compare(person)
    one.play(4)
    one.begin_again()
    one.play(12, first=4)
    counts = one.shadow.report().counts
    assert (counts.agreed, counts.missed, counts.new) == (0, 0, 0)
    assert one.shadow.report().run != one.first_run


@pytest.mark.parametrize(
    ("detection", "can"),
    [
        ({}, True),
        ({"model": "other"}, False),
        ({"models": [{"model": ""}, {"model": "fire"}]}, False),
        ({"source": "onvif"}, False),
    ],
)
def test_only_the_default_model_is_compared(make_camera, detection: dict[str, object], can: bool) -> None:  # type: ignore[no-untyped-def]
    assert can_shadow(make_camera(**detection)) is can


def test_model_that_ends_the_process_is_not_loaded_again(tmp_path: Path, scripted_model) -> None:  # type: ignore[no-untyped-def]
    def models(trial: str = "trial", now: Callable[[], float] = time.monotonic) -> ShadowModels:
        loading = Models("next", load=lambda name, prompts: scripted_model(person))
        return ShadowModels(loading, ShadowGuard(tmp_path / "state", trial), trial, now)

    for _ in range(MAX_UNCLEAN_ENDS):
        models().get()  # killed without `close`
    with pytest.raises(ModelInvalidError) as refused:
        models().get()
    assert str(refused.value) == ENDED_THE_DETECTOR

    orderly = models("another trial")
    orderly.get()
    orderly.close()
    now = [0.0]
    for _ in range(MAX_UNCLEAN_ENDS + 1):
        healthy = models("another trial", lambda: now[0])
        healthy.get()
        now[0] += HEALTHY_SECONDS
        healthy.note_frame()


def test_without_a_record_the_model_is_not_loaded(tmp_path: Path, scripted_model) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "file").write_text("")
    loading = Models("next", load=lambda name, prompts: scripted_model(person))
    with pytest.raises(ModelInvalidError, match="VIGIL_SPOOL_DIR: must be writable"):
        ShadowModels(loading, ShadowGuard(tmp_path / "file", "trial"), "trial").get()
