"""Exports small networks of each family to ONNX, with what torch computes; run by the environment of ultralytics.

    python export_families.py FOLDER

Ultralytics' networks have untrained weights: their values are compared, not their detections. RF-DETR and D-FINE
are too large to install here, so a small module of torch stands in for each: it finds a red rectangle, and has the
inputs, outputs and dynamic axes of the real export (`cctv.detectors.families` has the sources).
"""

import sys
from pathlib import Path

import numpy as np
import torch
import yaml
from torch import nn
from ultralytics import RTDETR, YOLO

FULL, WIDE = (128, 128), (64, 128)
"""(height, width): the size of the export, and a smaller one."""
TINY_RT_DETR = {
    "nc": 3,
    "backbone": [[-1, 1, "Conv", [width, 3, 2]] for width in (16, 16, 32, 32, 32)],
    "head": [[[2, 3, 4], 1, "RTDETRDecoder", ["nc", 32, 20, 4, 4, 1, 64]]],
}


def image(size: tuple[int, int]) -> torch.Tensor:
    return torch.rand((1, 3, *size), generator=torch.Generator().manual_seed(3))


def export_ultralytics(folder: Path, name: str, kind: type, architecture: str, **options: object) -> None:
    """Export one network, and save what torch computes for an image of each size."""
    torch.manual_seed(1)
    path = folder / f"{name}.pt"
    kind(architecture).save(str(path))
    made = kind(str(path)).export(format="onnx", imgsz=FULL, **options)
    target = folder / name / "model.onnx"
    target.parent.mkdir()
    Path(made).rename(target)
    network = kind(str(path)).model.eval()
    if name == "yolo26n":
        network.end2end = True
    if options.get("nms") is not True:
        with torch.no_grad():
            outputs = {f"output{size[0]}": network(image(size))[0].numpy() for size in (FULL, WIDE)}
        images = {f"image{size[0]}": image(size).numpy() for size in (FULL, WIDE)}
        np.savez(target.with_name("expected.npz"), **outputs, **images)


class Finder(nn.Module):  # type: ignore[misc]
    """Finds the rectangle whose red is above 0.7 before normalisation; (queries, 4) as fractions, and logits."""

    def __init__(self, mean: float, deviation: float, queries: int, classes: int, class_id: int) -> None:
        super().__init__()
        self.red, self.full = (0.7 - mean) / deviation, (1.0 - mean) / deviation
        self.queries, self.classes, self.class_id = queries, classes, class_id

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mask = (images[:, 0] > self.red).float()
        height, width = images.shape[2:]
        x, y = torch.arange(width).float(), torch.arange(height).float()
        columns, rows = mask.amax(1) > 0.5, mask.amax(2) > 0.5
        left = torch.where(columns, x, float(width)).amin(1) / width
        right = torch.where(columns, x + 1, 0.0).amax(1) / width
        top = torch.where(rows, y, float(height)).amin(1) / height
        bottom = torch.where(rows, y + 1, 0.0).amax(1) / height
        box = torch.stack([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top], 1)
        is_normalised = (images[:, 0].amax((1, 2)) - self.full).abs() < 0.05
        logit = torch.where(is_normalised, 3.0, -10.0)
        logits = torch.full((self.queries, self.classes), -10.0)[None].repeat(images.shape[0], 1, 1)
        one_hot = torch.zeros(self.queries, self.classes)
        one_hot[7, self.class_id] = 1.0
        return box[:, None].repeat(1, self.queries, 1), logits + one_hot * (logit + 10.0)[:, None, None]


class DFine(nn.Module):  # type: ignore[misc]
    """The outputs of D-FINE's postprocessor in deploy mode."""

    def __init__(self) -> None:
        super().__init__()
        self.finder = Finder(0.0, 1.0, 300, 80, 2)

    def forward(self, images: torch.Tensor, orig_target_sizes: torch.Tensor) -> tuple[torch.Tensor, ...]:
        boxes, logits = self.finder(images)
        corners = torch.cat([boxes[..., :2] - boxes[..., 2:] / 2, boxes[..., :2] + boxes[..., 2:] / 2], -1)
        corners = corners * orig_target_sizes.repeat(1, 2)[:, None]
        scores, index = torch.topk(logits.sigmoid().flatten(1), 300)
        query = index // 80
        return index % 80, corners.gather(1, query[..., None].repeat(1, 1, 4)), scores


def export_finder(folder: Path, network: nn.Module, inputs: tuple[torch.Tensor, ...], **options: object) -> None:
    folder.mkdir()
    torch.onnx.export(network.eval(), inputs, str(folder / "model.onnx"), dynamo=False, **options)


def main() -> None:
    folder = Path(sys.argv[1])
    for architecture in ("yolov8n", "yolo11n", "yolo12n"):
        export_ultralytics(folder, architecture, YOLO, f"{architecture}.yaml")
    export_ultralytics(folder, "yolo26n-raw", YOLO, "yolo26n.yaml")
    # Not the same as no `nms`: the end-to-end head is exported for an explicit False only.
    export_ultralytics(folder, "yolo26n", YOLO, "yolo26n.yaml", nms=False)
    export_ultralytics(folder, "yolov8n-nms", YOLO, "yolov8n.yaml", nms=True)
    export_ultralytics(folder, "yolov8n-dynamic", YOLO, "yolov8n.yaml", dynamic=True)
    tiny = folder / "rtdetr-tiny.yaml"
    tiny.write_text(yaml.safe_dump(TINY_RT_DETR))
    export_ultralytics(folder, "rt-detr", RTDETR, str(tiny))

    square = torch.rand(1, 3, 96, 96)
    export_finder(
        folder / "rf-detr",
        Finder(0.485, 0.229, 300, 91, 3),
        (square,),
        input_names=["input"],
        output_names=["dets", "labels"],
        opset_version=17,
    )
    export_finder(
        folder / "d-fine",
        DFine(),
        (square, torch.tensor([[96, 96]])),
        input_names=["images", "orig_target_sizes"],
        output_names=["labels", "boxes", "scores"],
        dynamic_axes={"images": {0: "N"}, "orig_target_sizes": {0: "N"}},
        opset_version=16,
    )


if __name__ == "__main__":
    main()
