"""An OpenVINO export with the input of a 16:9 frame, which `ultralytics` needs to leave out the padding."""

from pathlib import Path

import openvino as ov
import yaml

from cctv.detectors.openvino_network import read_network, resize

WIDTH, HEIGHT = 640, 384


def rectangular_model(model: Path, target: Path) -> Path:
    """Write the network of the folder `model` with an input of 640 × 384 pixels, and return its folder.

    `ultralytics` recognises the format by the folder's name and takes the input size from the metadata.
    """
    folder = target / "rectangular_openvino_model"
    folder.mkdir(parents=True, exist_ok=True)
    (source,) = model.glob("*.xml")
    network = read_network(ov.Core(), source)
    ov.save_model(resize(network, (WIDTH, HEIGHT)), folder / source.name, compress_to_fp16=False)
    metadata = yaml.safe_load((model / "metadata.yaml").read_text()) | {"imgsz": [HEIGHT, WIDTH]}
    (folder / "metadata.yaml").write_text(yaml.safe_dump(metadata))
    return folder
