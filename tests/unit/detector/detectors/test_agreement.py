"""Agreement of two models, and images for the comparison."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from cctv.commands.export import ExportError, Report, gather, put_in_place, table
from cctv.detectors.agreement import compare

HERE, THERE, MOVED = (0.1, 0.1, 0.3, 0.5), (0.6, 0.1, 0.8, 0.5), (0.12, 0.1, 0.32, 0.5)


def test_the_same_objects_are_counted_once_each(make_detections: Any) -> None:
    pairs = [
        (
            make_detections([("person", 0.9, HERE), ("car", 0.8, THERE), ("person", 0.2, THERE)]),
            make_detections([("person", 0.8, MOVED), ("person", 0.7, HERE), ("dog", 0.8, THERE)]),
        ),
        (make_detections([]), make_detections([("car", 0.6, THERE)])),
    ]
    agreed = compare(pairs, minimum_confidence=0.5)
    assert (agreed.pictures, agreed.before, agreed.after, agreed.both) == (2, 2, 4, 1)
    assert agreed.share == pytest.approx(2 * 1 / 6)
    assert agreed.overlap == pytest.approx(1.0)
    assert agreed.confidence_change == pytest.approx(-0.2)


def test_no_detections_give_no_agreement(make_detections: Any) -> None:
    agreed = compare([(make_detections([]), make_detections([]))], 0.5)
    assert agreed.share is None
    assert "0 before, 0 after" in table(Report("m", agreed, 1.0, 1.0, 4))


def test_a_fifth_of_the_images_is_held_back(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(30):
            cv2.imwrite(str(tmp_path / name / f"{number}.png"), np.full((9, 16, 3), number, np.uint8))
    (tmp_path / "a" / "notes.txt").write_text("no picture")
    folder, held_back = gather([tmp_path / "a", tmp_path / "b"], tmp_path / "work", most=40)
    assert len(list(folder.iterdir())) + len(held_back) == 30, "every second, since 20 of each 30 are at most wanted"
    assert len(held_back) == 6


def test_too_few_images_or_missing_clip_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ExportError, match="--calibrate: holds 0 frames; at least 10 are needed"):
        gather([tmp_path / "empty"], tmp_path / "one", 100)
    with pytest.raises(ExportError, match=r"--calibrate .*gone.mp4: must be a clip or a folder of images"):
        gather([tmp_path / "gone.mp4"], tmp_path / "two", 100)


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_new_model_replaces_the_old_one(tmp_path: Path, kind: str) -> None:
    def model(path: Path, content: str) -> Path:
        if kind == "file":
            path.write_text(content)
        else:
            path.mkdir()
            (path / "network.xml").write_text(content)
        return path

    target = model(tmp_path / "target", "former")
    put_in_place(model(tmp_path / "made", "new"), target)
    assert (target if kind == "file" else target / "network.xml").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["target"]
