"""Metadata of networks, as people write it by hand."""

from pathlib import Path

import pytest

from cctv.detectors.errors import ModelInvalidError
from cctv.detectors.network_metadata import read_metadata


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        suffix = "yaml" if name == "metadata" else "json"
        (folder / f"{name}.{suffix}").write_text(text, encoding="utf-8")
    return folder / "network.onnx"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("names: [person, fire hydrant]", {0: "person", 1: "fire hydrant"}),
        ("\ufeffnames:\r\n  0: person\r\n  7: truck\r\n", {0: "person", 7: "truck"}),
        ("names: {'1': b, 0: a}", {0: "a", 1: "b"}),
        ("names: ['no', 'yes', 'on', '2026-01-01']", {0: "no", 1: "yes", 2: "on", 3: "2026-01-01"}),
        ("names: [0, 1, 2]", {0: "0", 1: "1", 2: "2"}),
        ("names: ['', N/A]", {0: "", 1: "N/A"}),
        ("names: coco", None),
        ("", {}),
    ],
)
def test_class_names(tmp_path: Path, text: str, names: dict[int, str] | None) -> None:
    found = read_metadata(write(tmp_path, metadata=text), {}).names
    assert found == names if names is not None else len(found) == 80


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("names: [person, no, car]", "a text for class 1, not False; put class names such as no"),
        ("names: {0: on}", "a text for class 0, not True"),
        ("names: [person, null, car]", "a text for class 1, not None"),
        ("names: [[person]]", "a text for class 0"),
        ("names: {0: a, '0': b}", "or a class name for each class id"),
        ("names: {-1: a}", "or a class name for each class id"),
        ("names: {.inf: a}", "or a class name for each class id"),
        ("names: {a: 0}", "or a class name for each class id"),
    ],
)
def test_class_names_that_would_be_wrong_are_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ModelInvalidError, match=words):
        read_metadata(write(tmp_path, metadata=text), {})


@pytest.mark.parametrize("std", ["[0, 1, 1]", "[1e999, 1, 1]", "[NaN, 1, 1]", '["a", 1, 1]', "[null, 1, 1]"])
def test_normalisation_that_is_no_number_is_refused(tmp_path: Path, std: str) -> None:
    images = f'{{"do_normalize": true, "image_mean": [0, 0, 0], "image_std": {std}}}'
    with pytest.raises(
        ModelInvalidError, match=r"`image_std` of preprocessor_config\.json must be three finite numbers"
    ):
        read_metadata(write(tmp_path, preprocessor_config=images), {})
