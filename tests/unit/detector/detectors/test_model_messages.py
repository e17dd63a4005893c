"""Messages about unusable models give a remedy and reveal nothing about the detector's disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from cctv.detectors.errors import ModelInvalidError, without_folders
from cctv.detectors.model_pool import Models


def shown(models: Models, name: str) -> tuple[str, str]:
    """What the log and what users are told of a model."""
    with pytest.raises(ModelInvalidError) as raised:
        models.get(name)
    return str(raised.value), raised.value.shown


def test_messages_do_not_reveal_existing_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIL_MODEL_DIR", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "notes.txt").write_text("root:x:0")
    (tmp_path / "broken.onnx").write_text("root:x:0")
    (tmp_path / "unpinned.pt").write_text("root:x:0")
    models = Models("yolov8n")
    names = ["folder", "notes.txt", "broken.onnx", "unpinned.pt", "absent", "absent.onnx"]
    names += [str(tmp_path / name) for name in names] + ["/etc/passwd", "../"]
    told = {name: shown(models, name) for name in names}
    assert len({text.replace(name, "NAME") for name, (_, text) in told.items()}) == 1
    assert "Name a model that it has" in told["absent"][1]
    assert len({log.replace(name, "NAME") for name, (log, _) in told.items()}) > 4, "the log says why"


def test_the_administrators_own_models_are_explained_without_their_folders(tmp_path: Path) -> None:
    default, pinned = tmp_path / "yard.pt", tmp_path / "gate.onnx"
    default.write_text("x")
    models = Models(str(default), sha256="0" * 64, pins={str(pinned): "0" * 64})
    log, text = shown(models, "")
    assert str(default) in log
    assert text.startswith("yard.pt: its SHA-256 is")
    assert str(tmp_path) not in text
    assert shown(models, str(pinned))[1].startswith("gate.onnx: no such model file")


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("/opt/models/a.pt: damaged", "a.pt: damaged"),
        ("a: no such model in /root/.cache/vigil/models, and", "a: no such model in models, and"),
        ("fetched from https://github.com/a/b.pt (x)", "fetched from https://github.com/a/b.pt (x)"),
        ("(batch, 3) and/or /tmp/x", "(batch, 3) and/or x"),
        ("there is no /dev/dri/renderD128 here", "there is no /dev/dri/renderD128 here"),
    ],
)
def test_paths_are_reduced_to_the_file_name(text: str, cut: str) -> None:
    assert without_folders(text) == cut
