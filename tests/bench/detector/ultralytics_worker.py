"""The usual loop in a separate process: `YOLO.track(stream=True)` over a file; prints one line of JSON.

Arguments: clip, model, stride in frames, most analysed frames; then, for other than the default settings, the tracker
and the input's height and width. Runs in the environment of the ultralytics runtime.
"""

import json
import sys
import time

from ultralytics import YOLO


def main() -> None:
    """Run the measurement and print the result."""
    clip, model_path, stride, most = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    settings = {}
    if len(sys.argv) > 5:
        settings = {"tracker": sys.argv[5], "imgsz": [int(sys.argv[6]), int(sys.argv[7])]}
    model = YOLO(model_path, task="detect")
    analysed, first_cpu, tracks = 0, 0.0, set()
    for result in model.track(clip, stream=True, vid_stride=stride, classes=[0], verbose=False, **settings):
        analysed += 1
        if analysed == 1:
            first_cpu = time.process_time()
        if result.boxes.id is not None:
            tracks |= set(result.boxes.id.int().tolist())
        if analysed >= most:
            break
    print(
        json.dumps({"analysed": analysed, "first_cpu": first_cpu, "cpu": time.process_time(), "tracks": len(tracks)})
    )


if __name__ == "__main__":
    main()
