"""Models are found by path or name, and rejected with a remedy."""

import hashlib
from pathlib import Path

import httpx
import pytest

from cctv.detectors import model_files
from cctv.detectors.errors import ModelInvalidError
from cctv.detectors.loader import load_model
from cctv.detectors.model_files import Published, find_model, model_problem


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    models = tmp_path / "models"
    monkeypatch.setenv("VIGIL_MODEL_DIR", str(models))
    return models


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_missing_path_is_named() -> None:
    with pytest.raises(ModelInvalidError, match=r"/nowhere/x\.xml: no such model file"):
        load_model("/nowhere/x.xml")


def test_unknown_model_error_names_the_export_folder(folder: Path) -> None:
    with pytest.raises(ModelInvalidError, match=rf"{folder} holds no parrot_int8_openvino_model"):
        load_model("parrot")


def test_unsupported_file_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"?")
    with pytest.raises(ModelInvalidError, match="must be an OpenVINO folder"):
        load_model(path)


def test_a_broken_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.xml"
    path.write_text("<net")
    with pytest.raises(ModelInvalidError, match="OpenVINO cannot read it"):
        load_model(path)


def test_pickles_that_torch_loads_need_a_pinned_sha256(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cctv.detectors.loader._has_ultralytics", lambda: True)
    path = tmp_path / "weights.pt"
    path.write_bytes(b"pickle")
    with pytest.raises(ModelInvalidError, match="needs its SHA-256 pinned"):
        load_model(path)
    with pytest.raises(ModelInvalidError, match="not the pinned"):
        load_model(path, sha256="0" * 64)


@pytest.mark.parametrize(
    ("device", "gpu", "size_px", "runtime"),
    [
        ("", False, 640, "openvino"),
        ("", True, 640, "ultralytics"),
        ("auto", True, 640, "ultralytics"),
        ("intel-gpu", True, 640, "openvino"),
        ("cpu", False, 640, "ultralytics"),
        ("cuda:0", False, 640, "ultralytics"),
        ("", False, 320, "ultralytics"),
    ],
)
def test_weights_run_on_openvino_without_a_gpu_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str, gpu: bool, size_px: int, runtime: str
) -> None:
    """Where both runtimes are installed, as in the image for GPUs."""
    weights = tmp_path / "weights.pt"
    weights.touch()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("cctv.detectors.loader._has_ultralytics", lambda: True)
    monkeypatch.setattr("cctv.detectors.loader._GPU_DEVICES", (tmp_path,) if gpu else (tmp_path / "none",))
    monkeypatch.setattr("cctv.detectors.loader._load_converted", lambda *_: "openvino")
    monkeypatch.setattr("cctv.detectors.loader._ultralytics", lambda *_: "ultralytics")
    assert load_model(weights, device=device, size_px=size_px) == runtime  # type: ignore[comparison-overlap]


def test_pinned_sha256_is_checked_for_every_file_type(tmp_path: Path) -> None:
    (tmp_path / "net.xml").write_text("<net/>")
    with pytest.raises(ModelInvalidError, match="not the pinned"):
        find_model(tmp_path, sha256="0" * 64)
    assert find_model(tmp_path, sha256=sha256(b"<net/>").upper()).path.name == "net.xml"


def test_a_folder_must_hold_one_network(tmp_path: Path) -> None:
    with pytest.raises(ModelInvalidError, match="holds 0 networks"):
        load_model(tmp_path)


def test_name_prefers_an_existing_export(folder: Path) -> None:
    export = folder / "yolov8n_int8_openvino_model"
    export.mkdir(parents=True)
    (export / "yolov8n.xml").write_text("<net/>")
    assert find_model("yolov8n").path == export / "yolov8n.xml"


class _Download:
    """Stands for the publisher's server, which tests must not call."""

    def __init__(self, content: bytes) -> None:
        self.transport = httpx.MockTransport(lambda _: httpx.Response(200, content=content))

    def stream(self, method: str, url: str, **options: object):  # type: ignore[no-untyped-def]
        options.pop("timeout")
        return httpx.Client(transport=self.transport, follow_redirects=bool(options.pop("follow_redirects"))).stream(
            method, url
        )


def test_a_known_name_is_fetched_and_checked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = Published("https://example.org/known.pt", sha256(b"weights"))
    monkeypatch.setitem(model_files.PUBLISHED, "known", good)
    monkeypatch.setattr("httpx.stream", _Download(b"trojan").stream)
    with pytest.raises(ModelInvalidError, match="not the pinned"):
        find_model("known")
    assert list(folder.iterdir()) == []
    monkeypatch.setattr("httpx.stream", _Download(b"weights").stream)
    found = find_model("known")
    assert found.path.read_bytes() == b"weights"
    assert found.sha256 == good.sha256


def test_failed_download_error_has_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise httpx.ConnectError("no route")

    monkeypatch.setattr("httpx.stream", unreachable)
    with pytest.raises(
        ModelInvalidError,
        match=r"download that file where there is a network and put it at .*/models/yolov8n\.pt, or name a model",
    ):
        find_model("yolov8n")


def test_pickle_is_read_without_execution(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    path.write_bytes(b"pickle")
    with pytest.raises(ModelInvalidError, match="not a weights file, or damaged"):
        load_model(path)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere/model.pt", "no such model; give a folder with an OpenVINO export, a .xml, .onnx or .pt file"),
        ("empty", "holds 0 networks; a model folder must hold exactly one .xml"),
        ("notes.txt", "not a model; it must be a folder with an OpenVINO export"),
        ("alone.xml", "its weights are missing; put alone.bin of the same export beside it"),
        ("gpu.engine", "a TensorRT engine needs tensorrt and an NVIDIA GPU"),
    ],
)
def test_invalid_path_is_reported_before_loading(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "empty").mkdir()
    for file in ("notes.txt", "alone.xml", "gpu.engine"):
        (tmp_path / file).touch()
    assert words in (model_problem(tmp_path / name) or "")


def test_invalid_name_is_reported_before_loading(folder: Path) -> None:
    assert "parrot: no such model in" in (model_problem("parrot") or "")
    folder.mkdir()
    (folder / "parrot.pt").touch()
    for name in ("", "demo", "yolov8n", "parrot", folder / "parrot.pt"):
        assert model_problem(name) is None


@pytest.mark.parametrize("name", ["", "yolov8n"])
def test_container_image_without_the_model_reports_a_remedy(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIL_MODEL_FETCH", "0")
    monkeypatch.setattr("httpx.stream", lambda *_, **__: pytest.fail("it must not be fetched"))
    with pytest.raises(ModelInvalidError, match=r"use an image that was built with MODELS=yolov8n, or name a model"):
        load_model(name)
    assert "built with MODELS=yolov8n" in (model_problem(name) or "")


def test_demo_model_is_only_used_by_its_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows the rendered yard alone: for a real camera it would detect nothing, without a word."""
    monkeypatch.setenv("VIGIL_MODEL_FETCH", "0")
    folder.mkdir()
    assert find_model("demo").path.parent == model_files.DEMO_FOLDER
    for name in ("", "yolov8n", "parrot", "Demo", "demo.xml", str(folder), str(folder / "demo")):
        with pytest.raises(ModelInvalidError):
            find_model(name)
