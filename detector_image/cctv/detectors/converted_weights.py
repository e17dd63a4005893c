"""The OpenVINO network of a `.pt` file: made once, then found by the file's SHA-256."""

import atexit
import hashlib
import logging
import shutil
import tempfile
from pathlib import Path

import openvino as ov

from cctv.detectors.model_files import model_folder
from cctv.detectors.weights_archive import read_weights
from cctv.detectors.yolo_builder import build_network

log = logging.getLogger(__name__)

_VERSION = 1
"""Raise it when the same weights give another network: those made before are then not used any more."""


def convert_weights(weights: Path) -> Path:
    """Return the `.xml` of the network made of `weights` (YOLOv8 or YOLO11), which is made where it is not there yet.

    It is kept in `<model folder>/converted`; where that cannot be written, in a temporary folder of this process.
    Raises `ModelInvalidError`.
    """
    with weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    name = f"v{_VERSION}-{digest}"
    kept = model_folder() / "converted" / name / "network.xml"
    if kept.is_file():
        return kept
    log.info("converting %s to OpenVINO", weights)
    network = build_network(read_weights(weights), weights)
    try:
        return _save(network, kept.parent)
    except OSError as error:
        log.warning("cannot keep the converted model in %s: %s; it is converted at every start", kept.parent, error)
        folder = Path(tempfile.mkdtemp(prefix="vigil-model-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return _save(network, folder / name)


def _save(network: ov.Model, folder: Path) -> Path:
    """Write the network beside its place and move it there whole; another process may have been faster."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=".part-", dir=folder.parent))
    try:
        try:
            ov.save_model(network, part / "network.xml", compress_to_fp16=False)
        except RuntimeError as error:  # OpenVINO's word for a full or read-only disk
            raise OSError(str(error).strip().splitlines()[-1]) from error
        part.chmod(0o755)
        try:
            part.rename(folder)
        except OSError:
            if not (folder / "network.xml").is_file():
                raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder / "network.xml"
