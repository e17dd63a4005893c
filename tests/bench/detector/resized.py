"""An OpenVINO export with another input size, such as that of a 16:9 frame, which `ultralytics` then does not pad."""

from pathlib import Path

import openvino as ov
import yaml

from cctv.detectors.openvino_network import read_network, resize

WIDTH, HEIGHT = 640, 384


def resized_model(model: Path, target: Path, width: int = WIDTH, height: int = HEIGHT) -> Path:
    """Write the network of the folder `model` with an input of this size in pixels, and return its folder.

    `ultralytics` recognises the format by the folder's name and takes the input size from the metadata.
    """
    folder = target / f"{width}x{height}_openvino_model"
    folder.mkdir(parents=True, exist_ok=True)
    (source,) = model.glob("*.xml")
    network = read_network(ov.Core(), source)
    ov.save_model(resize(network, (width, height)), folder / source.name, compress_to_fp16=False)
    metadata = yaml.safe_load((model / "metadata.yaml").read_text()) | {"imgsz": [height, width]}
    (folder / "metadata.yaml").write_text(yaml.safe_dump(metadata))
    return folder
