"""Export trained weights to OpenVINO: a folder without pickles that runs without torch."""

import shutil
from pathlib import Path

import yaml

NETWORK_NAME = "vigil-demo"
_DESCRIPTION = "Vigil demo model: YOLOv8 for the rendered demo yard, and for nothing else"


def export(weights: Path, target: Path, *, int8: bool, data: Path, input_size_px: int) -> Path:
    """Replace `target` (`.xml`, `.bin`, `metadata.yaml`) and return it. INT8 is calibrated on the data set."""
    from ultralytics import YOLO

    options = {"int8": True, "data": str(data), "fraction": 1.0} if int8 else {"half": True}
    made = Path(YOLO(str(weights)).export(format="openvino", imgsz=input_size_px, device="cpu", **options))
    target.mkdir(parents=True, exist_ok=True)
    for old in (*target.glob("*.xml"), *target.glob("*.bin")):
        old.unlink()
    for file in made.iterdir():
        if file.suffix in {".xml", ".bin"}:
            shutil.copyfile(file, target / f"{NETWORK_NAME}{file.suffix}")
    metadata = yaml.safe_load((made / "metadata.yaml").read_text())
    # Ultralytics writes the folders of the training into these two.
    metadata["description"] = _DESCRIPTION
    metadata["args"] = {
        key: value for key, value in (metadata.get("args") or {}).items() if key in {"half", "int8", "batch", "nms"}
    }
    (target / "metadata.yaml").write_text(yaml.safe_dump(metadata, sort_keys=False))
    return target
