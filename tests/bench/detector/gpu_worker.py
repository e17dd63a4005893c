"""The `ultralytics` runtime on one device in a separate process: prints one line of JSON, or that there is no GPU.

Arguments: device (`cuda:0`; `cpu` to try the benchmark itself), seconds per trial, maximum number of streams. The
weights are YOLOv8n's architecture, untrained: the time does not depend on training. Frames are decoded and in memory.
"""

import contextlib
import hashlib
import json
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))

BATCHES = (1, 8, 32)
STREAM_FRAMES_PER_SECOND = 10


def main() -> None:
    """Run the measurement and print the result."""
    device, seconds, most = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    with contextlib.redirect_stdout(sys.stderr):
        figures = measure(device, seconds, most)
    print(json.dumps(figures))


def measure(device: str, seconds: float, most: int) -> dict[str, Any]:
    """Return the figures; empty if the device is a GPU and there is none."""
    import numpy as np
    import torch
    from tests.bench.detector.load import is_sustained, most_streams
    from ultralytics import YOLO

    from cctv.common.frame import Frame
    from cctv.detectors.loader import load_model

    if device.startswith("cuda") and not torch.cuda.is_available():
        return {}
    pictures = np.random.default_rng(1).integers(0, 255, (4, 1080, 1920, 3), dtype=np.uint8)
    frames = [Frame.from_bgr(picture, datetime.now(UTC), 0.0, 0) for picture in pictures]
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "yolov8n.pt"
        YOLO("yolov8n.yaml").save(weights)
        model = load_model(weights, device=device, sha256=hashlib.sha256(weights.read_bytes()).hexdigest())
    milliseconds = {}
    for batch in BATCHES:
        many = [frames[number % len(frames)] for number in range(batch)]
        for future in [model.submit(frame) for frame in many]:
            future.result()
        began, rounds = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            for future in [model.submit(frame) for frame in many]:
                future.result()
            rounds += 1
        milliseconds[batch] = (time.perf_counter() - began) / rounds / batch * 1e3

    def holds(streams: int) -> bool:
        return is_sustained(lambda: model.submit(frames[0]), streams, STREAM_FRAMES_PER_SECOND, seconds)

    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else "processor"
    figures = {"device": name, "milliseconds": milliseconds, "streams": most_streams(holds, most)}
    model.close()
    return figures


if __name__ == "__main__":
    main()
