"""Create `.pt` weights with ultralytics; a separate program for the environment with torch.

    .venvs/ultralytics/bin/python make_weights.py FOLDER ARCHITECTURE…

`FOLDER` gets random weights of each architecture (`yolov8n.pt`, …), the output of ultralytics for one image beside
them (`picture.npy`, `yolov8n.npy`, …), and, where it holds `real.npz` and `names.json`, YOLOv8n with those values
(`real.pt`). See `tests/integration/services/made_weights.py`.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from ultralytics import YOLO


def make_random(folder: Path, architectures: Sequence[str]) -> None:
    """Write weights of each architecture, whose scores differ from place to place, and what ultralytics finds."""
    torch.manual_seed(1)
    picture = torch.rand(1, 3, 640, 640)
    np.save(folder / "picture.npy", picture.numpy())
    for architecture in architectures:
        yolo = YOLO(f"{architecture}.yaml")
        yolo.model.names = {number: f"kind {number}" for number in range(80)}
        for module in yolo.model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.data.uniform_(0.5, 1.5)
                module.bias.data.uniform_(-0.5, 0.5)
                module.running_mean.uniform_(-0.2, 0.2)
                module.running_var.uniform_(0.5, 1.5)
        for branch in yolo.model.model[-1].cv3:
            branch[-1].bias.data.uniform_(-2.0, 2.0)
        yolo.save(folder / f"{architecture}.pt")
        loaded = YOLO(folder / f"{architecture}.pt").model.float().eval()
        with torch.no_grad():
            np.save(folder / f"{architecture}.npy", loaded(picture)[0].numpy())
        assert loaded.names[7] == "kind 7"


def make_real(folder: Path) -> None:
    """Write YOLOv8n with the weights of `real.npz`, whose normalisation is part of the convolutions already."""
    yolo, weights = YOLO("yolov8n.yaml"), np.load(folder / "real.npz")
    yolo.model.names = {int(key): name for key, name in json.loads((folder / "names.json").read_text()).items()}
    for name, module in yolo.model.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            bias = weights[f"{name.removesuffix('.bn')}.conv.bias"]
            module.weight.data[:] = (1.0 + module.eps) ** 0.5
            module.bias.data[:] = torch.from_numpy(bias)
        elif isinstance(module, torch.nn.Conv2d) and ".dfl." not in name:
            module.weight.data[:] = torch.from_numpy(weights[f"{name}.weight"])
            if module.bias is not None:
                module.bias.data[:] = torch.from_numpy(weights[f"{name}.bias"])
    yolo.save(folder / "real.pt")


if __name__ == "__main__":
    make_random(Path(sys.argv[1]), sys.argv[2:])
    if (Path(sys.argv[1]) / "real.npz").exists():
        make_real(Path(sys.argv[1]))
