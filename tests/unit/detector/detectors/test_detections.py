"""From network output to boxes in the frame, and from boxes to one observation per object."""

import numpy as np
import pytest

from cctv.common.overlap import overlap
from cctv.detectors.alert_types import alert_types_by_class_id, unknown_classes
from cctv.detectors.letterbox import Letterbox, smallest_input
from cctv.detectors.yolo_output import decode
from cctv.vision.observations import observe
from vigil_contracts.names import AlertType


@pytest.mark.parametrize(
    ("picture", "largest", "expected"),
    [
        ((1920, 1080), (640, 640), (640, 384)),
        ((768, 432), (640, 640), (640, 384)),
        ((480, 640), (640, 640), (480, 640)),
        ((640, 640), (640, 640), (640, 640)),
        ((3000, 100), (640, 640), (640, 32)),
        ((100, 50), (320, 320), (320, 160)),
    ],
)
def test_input_is_no_larger_than_necessary(
    picture: tuple[int, int], largest: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert smallest_input(picture, largest, 32) == expected


def test_letterboxed_boxes_become_fractions_of_the_frame() -> None:
    letterbox = Letterbox.fit((1920, 1080), (640, 384))
    assert (letterbox.width, letterbox.height) == (640, 360)
    boxes = letterbox.to_fractions(np.array([[320, 180, 700, 384]], np.float32))
    np.testing.assert_allclose(boxes, [[0.5, 0.5, 1.0, 1.0]])


def test_decoding_keeps_one_box_per_object_strongest_first() -> None:
    output = np.zeros((4 + 2, 4), np.float32)
    output[:4] = np.array([[10, 10, 8, 8], [11, 10, 8, 8], [40, 40, 10, 20], [50, 10, 4, 4]]).T
    output[4] = [0.6, 0.8, 0.0, 0.05]
    output[5] = [0.0, 0.0, 0.9, 0.0]
    found = decode(output, Letterbox(100, 50))
    assert found.class_ids.tolist() == [1, 0]
    np.testing.assert_allclose(found.confidences, [0.9, 0.8])
    np.testing.assert_allclose(found.boxes[1], [0.07, 0.12, 0.15, 0.28], rtol=1e-5)
    assert len(decode(np.zeros((6, 4), np.float32), Letterbox(100, 50))) == 0


def test_overlap_is_intersection_over_union() -> None:
    np.testing.assert_allclose(
        overlap([0, 0, 2, 2], [[0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6]]), [1.0, 1 / 3, 0.0], rtol=1e-6
    )
    assert overlap([0, 0, 1, 1], []).shape == (0,)


def test_overlapping_classes_are_one_object(make_detections) -> None:  # type: ignore[no-untyped-def]
    place, elsewhere = (0.1, 0.1, 0.3, 0.5), (0.6, 0.1, 0.8, 0.5)
    found = make_detections(
        [("cell phone", 0.8, place), ("car", 0.3, place), ("person", 0.9, elsewhere), ("dog", 0.05, elsewhere)]
    )
    labels = ("person", "car", "cell phone", "dog", "fire")
    person, car = observe(found, labels, alert_types_by_class_id(labels), weakest=0.1)
    assert person.label == "person"
    assert list(person.votes) == [AlertType.PERSON]
    assert car.label == "cell phone"
    assert car.confidence == pytest.approx(0.8)
    assert car.votes[AlertType.VEHICLE].confidence == pytest.approx(0.3)
    assert car.votes[AlertType.VEHICLE].label == "car"


def test_part_of_an_object_is_not_a_second_object(make_detections) -> None:  # type: ignore[no-untyped-def]
    whole, part = (0.58, 0.40, 0.86, 0.62), (0.70, 0.41, 0.86, 0.62)
    labels = ("person", "car", "cell phone", "dog", "fire")

    def count(*found) -> int:  # type: ignore[no-untyped-def]
        return len(observe(make_detections(list(found)), labels, alert_types_by_class_id(labels), weakest=0.1))

    assert count(("car", 0.85, whole), ("car", 0.8, part)) == 1
    assert count(("car", 0.8, whole), ("car", 0.85, part)) == 1
    assert count(("car", 0.85, whole), ("person", 0.8, part)) == 2, "a person in front of a car"
    assert count(("person", 0.85, whole), ("person", 0.8, (0.7, 0.5, 0.8, 0.62))) == 2, "a child before a grown-up"
    assert count(("person", 0.85, (0.1, 0.1, 0.2, 0.5)), ("person", 0.8, (0.14, 0.1, 0.24, 0.5))) == 2, "side by side"


def test_wanted_classes_are_labels_or_alert_types() -> None:
    labels = ("Person", "car", "bus", "kite", "smoke")
    assert alert_types_by_class_id(labels) == {
        0: AlertType.PERSON,
        1: AlertType.VEHICLE,
        2: AlertType.VEHICLE,
        4: AlertType.SMOKE,
    }
    assert alert_types_by_class_id(labels, ("vehicle",)) == {1: AlertType.VEHICLE, 2: AlertType.VEHICLE}
    assert alert_types_by_class_id(labels, ("bus", "kite")) == {2: AlertType.VEHICLE, 3: AlertType.OTHER}
    assert alert_types_by_class_id(labels, ("kite",), {"kite": AlertType.WEAPON}) == {3: AlertType.WEAPON}
    assert unknown_classes(labels, ("person", "vehicle", "unicorn", "animal")) == ["unicorn", "animal"]


def test_every_detectable_alert_type_has_a_class() -> None:
    from cctv.detectors.alert_types import ALERT_TYPES

    told_by_rules = {
        AlertType.INTRUSION,
        AlertType.LOITERING,
        AlertType.LINE_CROSSING,
        AlertType.TAMPER,
        AlertType.CAMERA_OFFLINE,
        AlertType.OTHER,
    }
    assert set(ALERT_TYPES.values()) == set(AlertType) - told_by_rules
