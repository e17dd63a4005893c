"""Labels have Ultralytics' format, and figures match their definitions."""

import pytest

from vigil_demo.scene.types import Truth
from vigil_demo.train import main
from vigil_demo.training.calibrate import best_confidence
from vigil_demo.training.dataset import label_lines
from vigil_demo.training.metrics import Detection, figures, iou


def truth(label: str, *box: float) -> Truth:
    return Truth(label, (box[0], box[1], box[2], box[3]), 1.0)


def found(label: str, confidence: float, *box: float) -> Detection:
    return Detection(label, (box[0], box[1], box[2], box[3]), confidence)


def test_labels_are_class_numbers_with_centres_and_sizes() -> None:
    text = label_lines((truth("person", 0.1, 0.2, 0.3, 0.6), truth("smoke", 0.0, 0.0, 1.0, 0.5)))
    assert text == "0 0.200000 0.400000 0.200000 0.400000\n3 0.500000 0.250000 1.000000 0.500000\n"
    assert label_lines(()) == ""


def test_intersection_over_union() -> None:
    assert iou((0, 0, 0.2, 0.2), (0.1, 0, 0.3, 0.2)) == pytest.approx(1 / 3)
    assert iou((0, 0, 0.2, 0.2), (0.2, 0, 0.3, 0.2)) == 0
    assert iou((0, 0, 0.2, 0.2), (0, 0, 0.2, 0.2)) == pytest.approx(1)


def test_figures_of_a_manually_calculated_case() -> None:
    here, there = (0.0, 0.0, 0.2, 0.2), (0.5, 0.5, 0.8, 0.8)
    pictures = [
        (
            (truth("person", *here), truth("person", *there)),
            (found("person", 0.9, *here), found("person", 0.6, *here)),
        ),
        ((truth("person", *here), truth("fire", *there)), (found("person", 0.3, *here), found("fire", 0.8, *here))),
    ]
    person = figures(pictures, "person", 0.5)
    # Right at 0.9, a duplicate at 0.6, right at 0.3; one of three objects is never found.
    assert (person.objects, person.precision) == (3, 0.5)
    assert person.recall == pytest.approx(1 / 3)
    assert person.average_precision == pytest.approx((1 + 2 / 3) / 3)
    fire = figures(pictures, "fire", 0.5)
    assert (fire.objects, fire.detections) == (1, 1)
    assert (fire.precision, fire.recall, fire.average_precision) == (0.0, 0.0, 0.0)


def test_figures_without_objects_and_detections() -> None:
    nothing = figures([((), ())], "smoke", 0.5)
    assert (nothing.objects, nothing.detections) == (0, 0)
    assert (nothing.precision, nothing.recall) == (1.0, 1.0)


def test_unclear_objects_are_ignored() -> None:
    clear, tiny = truth("person", 0.0, 0.0, 0.1, 0.2), truth("person", 0.5, 0.5, 0.52, 0.55)
    hidden = Truth("person", (0.7, 0.1, 0.8, 0.4), 0.4)
    detections = (
        found("person", 0.9, *tiny.box),
        found("person", 0.8, *clear.box),
        found("person", 0.7, *hidden.box),
    )
    pictures = [((clear, tiny, hidden), detections), ((tiny,), (found("person", 0.6, 0.2, 0.6, 0.3, 0.9),))]
    person = figures(pictures, "person", 0.5, clear_only=True)
    assert (person.objects, person.precision, person.recall) == (1, 0.5, 1.0)
    assert figures(pictures, "person", 0.5).objects == 4


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--work-dir"], "--work-dir: expected one argument"),
        (["--weights", "none.pt"], "--weights: none.pt is no file"),
    ],
)
def test_invalid_option_is_named_first(options: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(options)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_best_confidence_separates_correct_and_wrong() -> None:
    here, there = (0.0, 0.0, 0.2, 0.2), (0.5, 0.5, 0.8, 0.8)
    pictures = [((truth("smoke", *here),), (found("smoke", 0.4, *here), found("smoke", 0.2, *there)))]
    assert 0.2 < best_confidence(pictures, "smoke") <= 0.4
