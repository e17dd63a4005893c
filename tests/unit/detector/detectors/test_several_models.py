"""Several models on one camera: each adds its classes, and no object is reported twice."""

from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from cctv.common.events import Event
from cctv.common.frame import Frame
from cctv.detectors.model import Detections
from cctv.detectors.model_pool import MeasuredModel, Models
from cctv.detectors.several import SeveralModels, as_one
from cctv.metrics import Metrics
from cctv.vision.analyser import Analyser
from vigil_contracts.detection import Detection

HERE, AWAY = (0.3, 0.2, 0.5, 0.8), (0.7, 0.2, 0.9, 0.8)
PEOPLE = {"model": "coco"}


@pytest.fixture
def events_of(make_frame: Any, make_camera: Any, scripted_model: Any) -> Any:
    """What a camera with several models tells; each model is its settings, its labels and what it always sees."""

    def run(*models: tuple[dict[str, object], tuple[str, ...], list[Any]], **detection: Any) -> list[Event]:
        loaded = []
        for _, labels, sees in models:
            one = scripted_model(lambda _, sees=sees: sees)
            one.labels = labels
            loaded.append(one)
        settings = [chosen for chosen, _, _ in models]
        analyser = Analyser(make_camera(models=settings, **detection), as_one(loaded))
        frames = [make_frame(float(seconds)) for seconds in np.arange(0, 3, 0.2)]
        return [event for frame in frames for event in analyser.process(frame)]

    return run


def kinds(events: list[Event]) -> list[tuple[str, str]]:
    return sorted((event.alert_type.value, event.label) for event in events)


def test_each_model_has_its_own_alert_types(events_of: Any) -> None:
    arms = {
        "model": "arms",
        "alert_types": [
            {"label": "knife", "alert_type": "weapon"},
            {"label": "brawl", "alert_type": "violence"},
        ],
    }
    found = events_of(
        (PEOPLE, ("person", "knife"), [("person", 0.9, HERE), ("knife", 0.9, (0.05, 0.1, 0.1, 0.2))]),
        (arms, ("knife", "brawl"), [("knife", 0.8, (0.7, 0.1, 0.8, 0.2)), ("brawl", 0.8, (0.6, 0.5, 0.9, 0.9))]),
    )
    assert kinds(found) == [("person", "person"), ("violence", "brawl"), ("weapon", "knife")], "COCO's knife is none"


def test_object_of_two_models_is_reported_once(events_of: Any) -> None:
    found = events_of(
        (PEOPLE, ("person", "car"), [("person", 0.9, HERE)]),
        ({"model": "demo"}, ("person", "fire"), [("person", 0.7, (0.31, 0.2, 0.5, 0.8))]),
    )
    assert kinds(found) == [("person", "person")]


def test_two_models_may_detect_different_objects_at_one_place(events_of: Any) -> None:
    """Two people fight: what the one model calls a person fills the very place of what the other calls violence."""
    found = events_of(
        (PEOPLE, ("person",), [("person", 0.9, HERE)]),
        ({"model": "fights"}, ("fight",), [("fight", 0.85, HERE)]),
    )
    assert kinds(found) == [("person", "person"), ("violence", "fight")]
    assert len({event.track for event in found}) == 2


@pytest.mark.parametrize("kind", ["person", "vehicle", "animal", "fire", "smoke", "weapon", "violence", "other"])
def test_labels_can_be_mapped_to_every_alert_type(events_of: Any, kind: str) -> None:
    owl = {"model": "owls", "alert_types": [{"label": "owl", "alert_type": kind}]}
    found = events_of((PEOPLE, ("person",), []), (owl, ("owl",), [("owl", 0.9, HERE)]))
    assert kinds(found) == [(kind, "owl")]


def test_classes_select_from_all_models(events_of: Any) -> None:
    models = (
        (PEOPLE, ("person", "dog"), [("person", 0.9, HERE), ("dog", 0.9, AWAY)]),
        ({"model": "demo"}, ("fire",), [("fire", 0.9, (0.0, 0.0, 0.2, 0.2))]),
    )
    assert kinds(events_of(*models, classes=("fire", "animal"))) == [("animal", "dog"), ("fire", "fire")]


def test_model_can_be_limited_to_some_classes(events_of: Any) -> None:
    found = events_of(
        (PEOPLE, ("person", "dog"), [("person", 0.9, HERE)]),
        (
            {"model": "demo", "classes": ["fire"]},
            ("person", "fire"),
            [("person", 0.9, AWAY), ("fire", 0.9, (0, 0, 0.1, 0.1))],
        ),
    )
    assert kinds(found) == [("fire", "fire"), ("person", "person")]


def test_unknown_classes_are_reported(events_of: Any, caplog: pytest.LogCaptureFixture) -> None:
    meanings = [{"label": "knife", "alert_type": "weapon"}]
    events_of(
        ({"model": "arms", "classes": ["weapon", "sword"], "alert_types": meanings}, ("knife",), []),
        ({"model": "demo"}, ("fire",), []),
        classes=("fire", "unicorn"),
    )
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "camera 1: the model has no class 'sword'; it will not be detected",
        "camera 1: the model has no class 'unicorn'; it will not be detected",
    ]


def test_prompts_are_always_detected(make_frame: Any, make_camera: Any, scripted_model: Any) -> None:
    model = scripted_model(lambda _: [("person lying on the floor", 0.9, HERE), ("fire", 0.9, AWAY)])
    model.labels = ("fire", "person lying on the floor")
    analyser = Analyser(make_camera(model="world.pt", prompts=model.labels), model)
    events = [event for t in np.arange(0, 2, 0.2) for event in analyser.process(make_frame(float(t)))]
    assert kinds(events) == [("fire", "fire"), ("other", "person lying on the floor")]


def test_results_are_merged_by_confidence(make_frame: Any, scripted_model: Any) -> None:
    first, second = scripted_model(lambda _: [("dog", 0.5, HERE)]), scripted_model(lambda _: [("fire", 0.9, AWAY)])
    several = SeveralModels([first, second])
    found = several.detect(make_frame())
    assert [several.labels[class_id] for class_id in found.class_ids] == ["fire", "dog"]
    assert [several.owners[class_id] for class_id in found.class_ids] == [1, 0]
    np.testing.assert_allclose(found.boxes, [AWAY, HERE])


def test_failing_model_is_reported(make_frame: Any, scripted_model: Any) -> None:
    class Broken(scripted_model):  # type: ignore[misc]
        def submit(self, frame: Frame) -> Future[Detections]:
            future: Future[Detections] = Future()
            future.set_exception(RuntimeError("out of memory"))
            return future

    with pytest.raises(RuntimeError, match="out of memory"):
        SeveralModels([scripted_model(lambda _: []), Broken(lambda _: [])]).detect(make_frame())


def test_cameras_share_each_model(scripted_model: Any, make_frame: Any) -> None:
    loaded = []

    def load(name: str, prompts: tuple[str, ...]) -> Any:
        loaded.append((name, prompts))
        return scripted_model(lambda _: [("person", 0.9, HERE)])

    models, metrics = Models("house", load=load), Metrics()
    for camera in (1, 2, 3):
        measured = [MeasuredModel(models.get(name), metrics, camera) for name in ("", "demo")]
        as_one(measured).detect(make_frame())
        assert [one.uses for one in measured] == [1, 1]
    models.get("world", ("ladder",))
    models.get("house")
    assert loaded == [("house", ()), ("demo", ()), ("world", ("ladder",))]
    counted = metrics.registry.get_sample_value("vigil_detections_total", {"camera": "1", "label": "person"})
    assert counted == 2


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"model": "a", "models": [{"model": "b"}]}, "replaces model and prompts"),
        ({"prompts": ["ladder"], "models": [{"model": "b"}]}, "replaces model and prompts"),
        ({"models": [{"model": "b"}, {"model": "b"}]}, "each model can be listed only once; 'b' is listed twice"),
        (
            {"models": [{"alert_types": [{"label": "gate", "alert_type": "intrusion"}]}]},
            "intrusion cannot be detected by a model; must be one of person, vehicle, fire",
        ),
        (
            {"models": [{"alert_types": [{"label": "Gun", "alert_type": "weapon"}] * 2}]},
            "each label can have only one alert type; 'gun' is listed twice",
        ),
        ({"models": [{"model": str(number)} for number in range(5)]}, "at most 4"),
        ({"prompts": [""]}, "at least 1 character"),
    ],
)
def test_invalid_models_are_rejected(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Detection.model_validate(settings)


def test_single_model_setting_is_still_accepted() -> None:
    (chosen,) = Detection(model="yolov8n").chosen_models
    assert (chosen.model, chosen.alert_types, chosen.prompts) == ("yolov8n", (), ())
