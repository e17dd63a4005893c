"""Convert a `.pt` file to an OpenVINO network once, and find it later by the file's SHA-256."""

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
"""Increase it when the conversion changes; networks of earlier versions are then ignored."""


def convert_weights(weights: Path) -> Path:
    """Return the `.xml` converted from `weights` (YOLOv8 or YOLO11); convert it if it does not exist yet.

    It is stored in `<model folder>/converted`, or in a temporary folder of this process if that is not writable.
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
    """Write the network to a temporary folder and move it into place; another process may have done so first."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=".part-", dir=folder.parent))
    try:
        try:
            ov.save_model(network, part / "network.xml", compress_to_fp16=False)
        except RuntimeError as error:  # what OpenVINO raises for a full or read-only disk
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
