"""The detector's cost, side by side with `ultralytics`' `track(stream=True)` on the same clips, model and frame rate.

Each runs as a whole process with nothing beside it. `VIGIL_BENCH_SECONDS` takes only the clips' beginnings;
`VIGIL_SHARED` says where clips and the model are. What a GPU sustains is measured where there is one.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
from tests.bench.report import BUILD, Measurement

ROOT = Path(__file__).parents[3]
FRAMES_PER_SECOND = 5
CLIP_FRAMES_PER_SECOND = 10
CLIP_SECONDS = 139.0
STILL_SECONDS = 60.0


def measure() -> list[Measurement]:
    """Runs everything, saying what it is doing."""
    shared = Path(os.environ.get("VIGIL_SHARED", ROOT.parent / "shared"))
    clip = shared / "videos" / "one-by-one-person-detection.mp4"
    model = shared / "models" / "yolov8n_int8_openvino_model"
    for path in (clip, model):
        if not path.exists():
            sys.exit(f"bench: {path} is missing (set VIGIL_SHARED)")
    limit = float(os.environ.get("VIGIL_BENCH_SECONDS", "inf"))
    people_seconds, still_seconds = min(CLIP_SECONDS, limit), min(STILL_SECONDS, limit)
    still = _still_clip(clip)

    people = _vigil("people", clip, model, people_seconds)
    nobody = _vigil("a still scene", still, model, still_seconds)
    four = _vigil("four cameras", still, model, min(10.0, still_seconds), cameras=4)
    one = _vigil("one camera", still, model, min(10.0, still_seconds))
    usual_people = _usual("people", clip, model, people_seconds)
    usual_nobody = _usual("a still scene", still, model, still_seconds)

    others = people["cpu"] - people["first_cpu"] - people["looks"] * people["bare_model_cpu"]
    return [
        Measurement.plain("people: clip", people_seconds, "s"),
        Measurement.plain("people: Vigil, CPU per second of video", people["cpu"] / people_seconds * 1e3, "ms"),
        Measurement.plain(
            "people: ultralytics, CPU per second of video", usual_people["cpu"] / people_seconds * 1e3, "ms"
        ),
        Measurement.at_least("people: times less CPU, whole processes", usual_people["cpu"] / people["cpu"], "×", 5),
        Measurement.plain(
            "people: times less CPU, after the first frame",
            (usual_people["cpu"] - usual_people["first_cpu"]) / (people["cpu"] - people["first_cpu"]),
            "×",
        ),
        Measurement.plain("people: frames analysed", people["analysed"], ""),
        Measurement.plain("people: looks of the model", people["looks"], ""),
        Measurement.plain("people: events", people["events"], ""),
        Measurement.plain("people: tracks of ultralytics", usual_people["tracks"], ""),
        Measurement.at_least(
            "still scene: times less CPU, after the first frame",
            (usual_nobody["cpu"] - usual_nobody["first_cpu"]) / (nobody["cpu"] - nobody["first_cpu"]),
            "×",
            20,
        ),
        Measurement.plain("still scene: times less CPU, whole processes", usual_nobody["cpu"] / nobody["cpu"], "×"),
        Measurement.plain("bare model, CPU per picture", people["bare_model_cpu"] * 1e3, "ms"),
        Measurement.at_most(
            "all that is not the model, on top of the bare model over the analysed frames",
            others / (people["analysed"] * people["bare_model_cpu"]) * 100,
            "%",
            15,
        ),
        Measurement.at_most("memory of a one-camera detector that tracks", people["resident_megabytes"], "MB", 250),
        Measurement.plain("memory of a one-camera detector, still scene", nobody["resident_megabytes"], "MB"),
        Measurement.at_most(
            "memory of each further camera", (four["resident_megabytes"] - one["resident_megabytes"]) / 3, "MB", 40
        ),
        Measurement.at_most("start to first analysed frame", people["first_seconds"], "s", 3),
    ]


def _still_clip(clip: Path) -> Path:
    """The clip's first picture, nobody in it, for a minute, with a sensor's grain; encoded once."""
    target = BUILD / "still.mp4"
    if target.exists():
        return target
    print("bench: encoding a still scene", flush=True)
    BUILD.mkdir(parents=True, exist_ok=True)
    with av.open(str(clip)) as source:
        picture = next(source.decode(video=0)).to_ndarray(format="bgr24").astype(np.int16)
    grain = np.random.default_rng(1)
    with av.open(str(target), "w") as container:
        stream = container.add_stream("libx264", rate=CLIP_FRAMES_PER_SECOND, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = picture.shape[1], picture.shape[0], "yuv420p"
        for _ in range(round(STILL_SECONDS * CLIP_FRAMES_PER_SECOND)):
            noisy = (picture + grain.normal(0, 2, picture.shape)).clip(0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noisy, format="bgr24")))
        container.mux(stream.encode())
    return target


def _vigil(title: str, clip: Path, model: Path, seconds: float, cameras: int = 1) -> dict[str, Any]:
    worker = Path(__file__).with_name("vigil_worker.py")
    arguments = [str(clip), str(model), str(FRAMES_PER_SECOND), str(seconds), str(cameras)]
    return _process(f"Vigil, {title}", [sys.executable, str(worker), *arguments])


def _usual(title: str, clip: Path, model: Path, seconds: float) -> dict[str, Any]:
    python = ROOT / ".venvs" / "ultralytics" / "bin" / "python"
    if not python.exists():
        sys.exit("bench: run `bash tools/setup.sh .venvs/ultralytics locks/ultralytics.txt` first")
    worker = Path(__file__).with_name("ultralytics_worker.py")
    arguments = [str(clip), str(model), str(CLIP_FRAMES_PER_SECOND // FRAMES_PER_SECOND)]
    most = round(seconds * FRAMES_PER_SECOND)
    return _process(f"ultralytics, {title}", [str(python), str(worker), *arguments, str(most)])


def _process(title: str, command: list[str]) -> dict[str, Any]:
    print(f"bench: {title}", flush=True)
    environment = {**os.environ, "YOLO_OFFLINE": "true", "PYTHONPATH": ""}
    ended = subprocess.run(command, capture_output=True, text=True, timeout=3600, env=environment, check=False)
    if ended.returncode:
        sys.exit(f"bench: {title} failed:\n{ended.stderr[-3000:]}")
    figures: dict[str, Any] = json.loads(ended.stdout.strip().splitlines()[-1])
    return figures
