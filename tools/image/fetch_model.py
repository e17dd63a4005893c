"""Puts a published model into VIGIL_MODEL_DIR while an image is built: the image fetches nothing when it runs.

    python fetch_model.py yolov8n [--openvino]     # --openvino: converted, for detectors without torch

The file is checked against the SHA-256 that `cctv.detectors.model_files` pins.
"""

import argparse
import shutil

from cctv.detectors.model_files import find_model


def main() -> None:
    parser = argparse.ArgumentParser(prog="fetch_model", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", help="a published model's name")
    parser.add_argument("--openvino", action="store_true", help="convert it, and keep the conversion alone")
    options = parser.parse_args()
    weights = find_model(options.model).path
    if options.openvino:
        from cctv.detectors.ultralytics_runtime import import_ultralytics

        _, ultralytics = import_ultralytics(weights)
        made = ultralytics.YOLO(weights).export(format="openvino", imgsz=640)
        print(f"converted to {made}")
        shutil.move(weights, "/tmp")  # noqa: S108 in a build stage


if __name__ == "__main__":
    main()
