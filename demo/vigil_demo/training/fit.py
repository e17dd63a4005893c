"""Train a small YOLOv8 on the rendered images with Ultralytics, from random weights."""

import shutil
from pathlib import Path

import yaml

INPUT_SIZE_PX = 320
"""A 16:9 frame then fills 320 × 180 of the network's input: 320 × 192 in whole strides of 32."""
WIDTH_MULTIPLE = 0.125
DEPTH_MULTIPLE = 0.33
"""YOLOv8n is 0.25 wide and 0.33 deep; half its width is enough for four classes in one type of scene."""


def _architecture(folder: Path) -> Path:
    """Return YOLOv8's architecture with our scale and number of classes."""
    from ultralytics.utils import ROOT

    content = yaml.safe_load((ROOT / "cfg" / "models" / "v8" / "yolov8.yaml").read_text())
    content["nc"] = 4
    content["scales"] = {"n": [DEPTH_MULTIPLE, WIDTH_MULTIPLE, 1024]}
    target = folder / "yolov8n-demo.yaml"
    target.write_text(yaml.safe_dump(content, sort_keys=False))
    return target


def fit(
    data: Path,
    folder: Path,
    *,
    minutes: float,
    epochs: int,
    seed: int,
    start_from: Path | None = None,
    batch: int = 16,
) -> Path:
    """Train for `minutes` of wall-clock time (for `epochs` if that is 0); return the weights (`.pt`).

    Starts with random weights and returns the last ones, or continues from `start_from` with a smaller learning rate
    and returns the best ones on the validation split.
    """
    from ultralytics import YOLO

    model = YOLO(str(start_from or _architecture(folder)), task="detect")
    runs = folder / "runs"
    shutil.rmtree(runs, ignore_errors=True)
    model.train(
        data=str(data), project=str(runs), name="fit", exist_ok=True, seed=seed, deterministic=True, device="cpu",
        imgsz=INPUT_SIZE_PX, rect=True, batch=batch, nbs=batch, workers=1, cache="ram", amp=False,
        pretrained=start_from is not None,
        epochs=epochs, time=minutes / 60 if minutes else None, patience=0,
        optimizer="AdamW", lr0=0.0015 if start_from else 0.003, lrf=0.02, cos_lr=True,
        warmup_epochs=0.3 if start_from else 1.0, weight_decay=0.0005,
        mosaic=0.0, degrees=0.0, translate=0.08, scale=0.3, fliplr=0.5, hsv_h=0.01, hsv_s=0.4, hsv_v=0.3, erasing=0.0,
        plots=False, verbose=False,
    )  # fmt: skip
    return runs / "fit" / "weights" / ("best.pt" if start_from else "last.pt")
