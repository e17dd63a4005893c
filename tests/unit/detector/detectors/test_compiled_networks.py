"""Compiled networks are kept on disk: a later model uses them, and finds the same."""

import errno
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from tests.unit.detector.detectors.test_families import INPUT, NAMES, NETWORKS, frame_with_a_box, save

from cctv.detectors import compiled_networks, openvino_runtime
from cctv.detectors.openvino_network import Network, read_network
from cctv.detectors.openvino_runtime import OpenVinoModel


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the compiled networks."""
    monkeypatch.setenv("VIGIL_MODEL_DIR", str(tmp_path / "models"))
    return tmp_path / "models" / "compiled"


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return the networks that were read from their files, each time they were."""
    seen: list[Path] = []

    def noted(core: ov.Core, path: Path) -> Network:
        seen.append(path)
        return read_network(core, path)

    monkeypatch.setattr(openvino_runtime, "read_network", noted)
    return seen


def _network(folder: Path, family: str = "yolo") -> Path:
    build, classes, class_id, metadata = NETWORKS[family]
    return save(folder, build(INPUT, classes, class_id), metadata)


def _found(path: Path) -> tuple[tuple[str, ...], tuple[int, int], str, np.ndarray, np.ndarray]:
    model = OpenVinoModel(path, keep_compiled=True)
    try:
        detections = model.detect(frame_with_a_box(160, 90)[0])
        return model.labels, model.input_size, model.info.precision, detections.boxes, detections.confidences
    finally:
        model.close()


@pytest.mark.parametrize("family", ["yolo", "rt-detr", "rf-detr, own class ids", "d-fine, published weights"])
def test_later_model_reads_no_network_and_finds_the_same(
    family: str, tmp_path: Path, kept: Path, reads: list[Path]
) -> None:
    path = _network(tmp_path, family)
    first = _found(path)
    assert len(reads) == 1
    second = _found(path)
    assert len(reads) == 1, "the second model used what the first has kept"
    assert first[:3] == second[:3]
    assert len(first[3]) == 1
    for one, other in zip(first[3:], second[3:], strict=True):
        np.testing.assert_array_equal(one, other)


def test_damaged_file_is_compiled_again(tmp_path: Path, kept: Path, reads: list[Path]) -> None:
    path = _network(tmp_path)
    first = _found(path)
    (blob,) = kept.glob("*/*.blob")
    content = bytearray(blob.read_bytes())
    content[-1] ^= 1
    blob.write_bytes(content)
    np.testing.assert_array_equal(_found(path)[3], first[3])
    assert len(reads) == 2
    _found(path)
    assert len(reads) == 2, "it was replaced"


def test_damaged_description_is_read_again(tmp_path: Path, kept: Path, reads: list[Path]) -> None:
    path = _network(tmp_path)
    _found(path)
    (description,) = kept.glob("*/network.json")
    for content in ("", "{}", "[]", '{"names": 3}'):
        description.write_text(content)
        assert _found(path)[0] == tuple(NAMES)
    assert len(reads) == 5


def test_change_of_the_network_or_its_metadata_is_noticed(tmp_path: Path, kept: Path, reads: list[Path]) -> None:
    path = _network(tmp_path)
    _found(path)
    metadata = tmp_path / "metadata.yaml"
    metadata.write_text(metadata.read_text().replace("person", "guard"))
    assert _found(path)[0][0] == "guard"
    build, classes, _, _ = NETWORKS["yolo"]
    save(tmp_path, build(INPUT, classes, 2), {})
    _found(path)
    assert len(reads) == 3


def test_model_works_without_a_writable_folder(tmp_path: Path, kept: Path, reads: list[Path]) -> None:
    kept.parent.write_text("a file, so that no folder can be made")
    path = _network(tmp_path)
    assert len(_found(path)[3]) == len(_found(path)[3]) == 1
    assert len(reads) == 2


def test_only_the_last_used_networks_are_kept(
    tmp_path: Path, kept: Path, reads: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled_networks, "_MOST_FOLDERS", 2)
    folders = [tmp_path / name for name in "abc"]
    for number, folder in enumerate(folders):
        folder.mkdir()
        build, classes, _, metadata = NETWORKS["yolo"]
        _found(save(folder, build(INPUT, classes, number), metadata))
    assert len(list(kept.iterdir())) == 2
    _found(folders[2] / "network.xml")
    assert len(reads) == 3
    _found(folders[0] / "network.xml")
    assert len(reads) == 4


def test_network_that_cannot_be_exported_still_works(
    tmp_path: Path, kept: Path, reads: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: ov.CompiledModel) -> None:
        raise RuntimeError("not supported")

    monkeypatch.setattr(ov.CompiledModel, "export_model", refuse)
    assert len(_found(_network(tmp_path))[3]) == 1
    assert not list(kept.glob("*/*.blob"))


def test_full_disk_leaves_no_part_of_a_file(
    tmp_path: Path, kept: Path, reads: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, content: bytes) -> int:
        path.touch()
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    assert len(_found(_network(tmp_path))[3]) == 1
    assert [path for path in kept.rglob("*") if path.is_file()] == []
