"""Locate model files: paths, the demo model, and published names, which are checked by SHA-256.

The demo model is only used by its own name: it is trained on the rendered demo yard and useless elsewhere.
"""

import hashlib
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

import httpx

from cctv.detectors.errors import ModelInvalidError
from vigil_contracts.names import DEFAULT_MODEL

DEMO_FOLDER = Path(__file__).parents[1] / "models" / "demo"
DEMO_MODEL = "demo"
_ASSETS = "https://github.com/ultralytics/assets/releases/download/v8.3.0"
_FETCH_TIMEOUT = httpx.Timeout(30.0, connect=5.0)


@dataclass(frozen=True, slots=True)
class Published:
    """A published model and the SHA-256 of its file."""

    url: str
    sha256: str


PUBLISHED = {
    "yolov8n": Published(f"{_ASSETS}/yolov8n.pt", "f59b3d833e2ff32e194b5bb8e08d211dc7c5bdf144b90d2c8412c47ccfc83b36"),
}


@dataclass(frozen=True, slots=True)
class ModelFile:
    """An existing file. `sha256` is its pinned hash; None if there is none."""

    path: Path
    sha256: str | None = None


def model_folder() -> Path:
    """Return the folder of models that are used by name: `VIGIL_MODEL_DIR`, else `~/.cache/vigil/models`."""
    return Path(os.environ.get("VIGIL_MODEL_DIR") or Path.home() / ".cache" / "vigil" / "models")


def is_fetching_allowed() -> bool:
    """Return whether a published model may be downloaded; the images set `VIGIL_MODEL_FETCH=0`."""
    return os.environ.get("VIGIL_MODEL_FETCH", "1").strip().lower() not in {"0", "false", "no", "off"}


MODEL_SUFFIXES = (".xml", ".onnx", ".pt", ".engine")


def model_problem(name: str | Path) -> str | None:
    """Return why a model's name or path is unusable, judged by its files; None if no problem is found.

    Loads and downloads nothing, so it is fast enough to call before anything is started.
    """
    name = str(name) or DEFAULT_MODEL
    path = Path(name)
    if name == DEMO_MODEL or (not path.exists() and path.name == name and not path.suffix):
        return _name_problem(name)
    if not path.exists():
        return f"{path}: no such model; give a folder with an OpenVINO export, a .xml, .onnx or .pt file, or a name"
    if path.is_dir():
        try:
            path = _network_in(path)
        except ModelInvalidError as error:
            return str(error)
    suffix = path.suffix.lower()
    if suffix not in MODEL_SUFFIXES:
        return f"{path}: not a model; it must be a folder with an OpenVINO export, or a .xml, .onnx or .pt file"
    if suffix == ".xml" and not path.with_suffix(".bin").is_file():
        return f"{path}: its weights are missing; put {path.stem}.bin of the same export beside it"
    if suffix == ".engine" and importlib.util.find_spec("tensorrt") is None:
        return f"{path}: a TensorRT engine needs tensorrt and an NVIDIA GPU; use a .pt, .onnx or OpenVINO model here"
    return None


def _name_problem(name: str) -> str | None:
    if name == DEMO_MODEL or (name in PUBLISHED and is_fetching_allowed()):
        return None
    folder = model_folder()
    kinds = ("", "_openvino_model", "_int8_openvino_model", ".onnx", ".pt")
    if (folder / f"{name}.engine").exists():
        return model_problem(folder / f"{name}.engine")
    if any((folder / f"{name}{kind}").exists() for kind in kinds):
        return None
    if name in PUBLISHED:
        return _not_in_image(name)
    names = ", ".join(sorted(PUBLISHED))
    return (
        f"{name}: no such model in {folder}, and only {names} is fetched; give the path of a model, or put it there"
    )


def find_model(name: str | Path, sha256: str | None = None, runtime: str = "") -> ModelFile:
    """Return the file for a model's name or path, checked against `sha256`; an empty name means `DEFAULT_MODEL`.

    If several files have the name, use the first that `runtime` supports; empty: any runtime. Raises
    `ModelInvalidError`.
    """
    name = str(name) or DEFAULT_MODEL
    if name == DEMO_MODEL:
        return ModelFile(_network_in(DEMO_FOLDER), sha256)
    path = Path(name)
    if path.exists():
        found = ModelFile(_network_in(path) if path.is_dir() else path, sha256)
    elif path.name != name or path.suffix:
        raise ModelInvalidError(f"{path}: no such model file; give a path that exists or a name such as yolov8n")
    else:
        found = _by_name(name, sha256, runtime)
    if found.sha256 is not None:
        check_sha256(found.path, found.sha256)
    return found


def check_sha256(path: Path, expected: str) -> None:
    """Raise `ModelInvalidError` unless the file has the pinned hash."""
    with path.open("rb") as file:
        actual = hashlib.file_digest(file, "sha256").hexdigest()
    if actual != expected.strip().lower():
        raise ModelInvalidError(
            f"{path}: its SHA-256 is {actual}, not the pinned {expected}; it is another file or was changed"
        )


def _network_in(folder: Path) -> Path:
    """Return the only network in the folder of an export."""
    networks = sorted(folder.glob("*.xml")) or sorted(folder.glob("*.onnx"))
    if len(networks) != 1:
        raise ModelInvalidError(
            f"{folder}: holds {len(networks)} networks; a model folder must hold exactly one .xml (OpenVINO) or .onnx"
        )
    return networks[0]


def runtime_problem(path: Path, runtime: str) -> str | None:
    """Return why `runtime` (`openvino` or `ultralytics`) cannot run this type of file here; None if it can."""
    suffix = path.suffix.lower()
    if runtime == "openvino":
        return (
            f"{path}: an .engine needs runtime ultralytics; use a .pt or .onnx file" if suffix == ".engine" else None
        )
    if suffix == ".xml":
        return f"{path}: an OpenVINO network needs runtime openvino; use a .pt file with runtime ultralytics"
    if suffix == ".onnx" and importlib.util.find_spec("onnxruntime") is None:
        return f"{path}: needs onnxruntime, which is not installed; use a .pt file, or runtime openvino"
    if suffix == ".engine" and importlib.util.find_spec("tensorrt") is None:
        return f"{path}: an .engine needs tensorrt, which is not installed; use a .pt file"
    return None


def rebuild_advice(path: Path) -> str:
    """Return how to rebuild a TensorRT engine that fails to run; empty for other files.

    An engine runs only with the TensorRT version and on the GPU model that it was built for (NVIDIA TensorRT
    documentation, "Version Compatibility" and "Hardware Compatibility").
    """
    if path.suffix.lower() != ".engine":
        return ""
    return (
        "; an engine runs only on the GPU model and the TensorRT version that built it; rebuild it on this node with"
        f" `cctv export {path.stem}.pt --sha256 HEX --calibrate CLIP --format tensorrt`"
    )


_PREFERENCE = {
    "": ("folder", ".onnx", ".engine", ".pt"),
    "openvino": ("folder", ".onnx", ".pt"),
    "ultralytics": (".engine", ".pt", ".onnx"),
}
"""Order of preference among files of the same name, by runtime. An engine is built for the GPU, so it is faster."""


def _by_name(name: str, sha256: str | None, runtime: str) -> ModelFile:
    folder, published = model_folder(), PUBLISHED.get(name)
    exports = [folder / f"{name}{suffix}_openvino_model" for suffix in ("_int8", "")]
    weights = folder / f"{name}.pt"
    for kind in _PREFERENCE[runtime]:
        if kind == "folder":
            for export in [*exports, folder / name]:
                if export.is_dir():
                    return ModelFile(_network_in(export), sha256)
        elif (folder / f"{name}{kind}").is_file():
            is_published = kind == ".pt" and published is not None
            return ModelFile(
                folder / f"{name}{kind}", sha256 or (published.sha256 if is_published and published else None)
            )
    if runtime == "ultralytics" and (other := next((each for each in exports if each.is_dir()), None)):
        raise ModelInvalidError(
            f"{other}: an OpenVINO network needs runtime openvino; for runtime ultralytics put {weights.name} there"
        )
    if published is None:
        raise ModelInvalidError(
            f"{name}: no such model: {folder} holds no {exports[0].name} and no {weights.name}, and only"
            f" {', '.join(sorted(PUBLISHED))} can be fetched; put an export there or give a path"
        )
    if not is_fetching_allowed():
        raise ModelInvalidError(_not_in_image(name))
    _fetch(published, weights)
    return ModelFile(weights, sha256 or published.sha256)


def _not_in_image(name: str) -> str:
    return (
        f"{name}: {model_folder()} does not hold it, and VIGIL_MODEL_FETCH=0 forbids a download; use an image"
        f" that was built with MODELS={name}, or name a model that this image holds (model of the DetectorClass,"
        " or VIGIL_MODEL)"
    )


def _fetch(published: Published, target: Path) -> None:
    """Download to a temporary file and move it to the target once its SHA-256 is verified."""
    part = target.with_suffix(f".{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            part.open("wb") as file,
            httpx.stream("GET", published.url, follow_redirects=True, timeout=_FETCH_TIMEOUT) as response,
        ):
            response.raise_for_status()
            for block in response.iter_bytes():
                file.write(block)
        check_sha256(part, published.sha256)
        part.replace(target)
    except (httpx.HTTPError, OSError) as error:
        raise ModelInvalidError(
            f"{target.stem}: not in {target.parent}, and it could not be fetched from {published.url}"
            f" ({type(error).__name__}: {error}); download that file where there is a network and put it at"
            f" {target}, or name a model that is on this machine (MODEL of `make run` and `vigil run`, VIGIL_MODEL"
            " of a detector)"
        ) from error
    finally:
        part.unlink(missing_ok=True)
