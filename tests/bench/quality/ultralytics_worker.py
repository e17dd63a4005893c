"""`ultralytics`' `predict` on saved frames in a separate process: prints one line of JSON.

Arguments: model, input side in pixels, and a folder of frames as `<number>.npy`, (H, W, 3), uint8, BGR. Prints for
each frame, in the order of the numbers, the people as x_min, y_min, x_max, y_max in fractions and a confidence.
"""

import json
import sys
from pathlib import Path

import numpy as np
from ultralytics import YOLO


def main() -> None:
    """Run the network on all frames and print the people."""
    model, side, folder = YOLO(sys.argv[1], task="detect"), int(sys.argv[2]), Path(sys.argv[3])
    people = []
    for number in range(len(list(folder.glob("*.npy")))):
        frame = np.load(folder / f"{number}.npy")
        (result,) = model.predict(frame, imgsz=side, classes=[0], verbose=False)
        rows = zip(result.boxes.xyxyn.tolist(), result.boxes.conf.tolist(), strict=True)
        people.append([[*box, confidence] for box, confidence in rows])
    print(json.dumps(people))


if __name__ == "__main__":
    main()
