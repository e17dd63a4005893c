"""Download a published model while an image is built, since the image downloads nothing at run time.

    python fetch_model.py yolov8n --into /models              # the weights, for ultralytics
    python fetch_model.py yolov8n --into /models --openvino   # converted to OpenVINO, without torch

The weights are checked against the SHA-256 that `cctv.detectors.model_files` pins. Weights that exist in the folder
are not downloaded.
"""

import argparse
import os
from pathlib import Path

import openvino as ov

from cctv.detectors.errors import ModelInvalidError
from cctv.detectors.model_files import PUBLISHED, find_model
from cctv.detectors.weights_archive import read_weights
from cctv.detectors.yolo_builder import build_network


def put_model(name: str, folder: Path, *, as_openvino: bool) -> Path:
    """Return the model's file in `folder`. Raises `ModelInvalidError`."""
    if name not in PUBLISHED:
        raise ModelInvalidError(f"MODELS: {name}: not a published model; use {', '.join(sorted(PUBLISHED))}")
    os.environ["VIGIL_MODEL_DIR"] = str(folder)
    weights = find_model(name).path
    if weights.suffix != ".pt" or not as_openvino:
        return weights
    network = build_network(read_weights(weights), weights)
    target = folder / f"{name}_openvino_model" / f"{name}.xml"
    target.parent.mkdir()
    # 16-bit weights halve the file; the processor computes with 32 bits anyway.
    ov.save_model(network, target, compress_to_fp16=True)
    weights.unlink()
    return target


def main() -> None:
    """Download one model according to the command line."""
    parser = argparse.ArgumentParser(prog="fetch_model", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", help="a published model's name")
    parser.add_argument("--into", type=Path, required=True, help="the folder that gets it")
    parser.add_argument("--openvino", action="store_true", help="convert it, and keep the conversion alone")
    options = parser.parse_args()
    try:
        print(f"{options.model}: {put_model(options.model, options.into, as_openvino=options.openvino)}")
    except ModelInvalidError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
