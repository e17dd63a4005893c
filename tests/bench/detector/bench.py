"""The detector's cost compared with `ultralytics`' `track(stream=True)` on the same clips, model and frame rate.

On the clip with people, `ultralytics` also runs at its best settings: an input without padding, and ByteTrack, which
does not estimate the camera's motion. OpenVINO and the frame rate (`vid_stride`) are the same in all runs. Each runs
alone as a complete process, in the environment of its own image. `VIGIL_BENCH_SECONDS` limits the clips to their
beginnings; `VIGIL_SHARED` is the folder of clips and model. GPU throughput is measured if there is a GPU.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from tests.bench.detector.drain import WAITING, Drain, measure_drain
from tests.bench.detector.latency import Latency, measure_latency
from tests.bench.detector.resized import HEIGHT, WIDTH, resized_model
from tests.bench.image_settings import memory_settings
from tests.bench.report import BUILD, Measurement

ROOT = Path(__file__).parents[3]
FRAMES_PER_SECOND = 5
CLIP_FRAMES_PER_SECOND = 10
CLIP_SECONDS = 139.0
DETECTOR, ULTRALYTICS = (ROOT / ".venvs" / name / "bin" / "python" for name in ("detector", "ultralytics"))

Figures = dict[str, Any]

_BEST_SETTINGS = ("bytetrack.yaml", str(HEIGHT), str(WIDTH))


def measure() -> list[Measurement]:
    """Run everything and print the progress."""
    shared = Path(os.environ.get("VIGIL_SHARED", ROOT.parent / "shared"))
    clip = shared / "videos" / "one-by-one-person-detection.mp4"
    model = shared / "models" / "yolov8n_int8_openvino_model"
    for path in (clip, model, DETECTOR, ULTRALYTICS):
        if not path.exists():
            sys.exit(f"bench: {path} is missing (set VIGIL_SHARED; `make bench` makes the environments)")
    seconds = min(CLIP_SECONDS, float(os.environ.get("VIGIL_BENCH_SECONDS", "inf")))
    still = still_clip(clip)
    best_model = resized_model(model, BUILD)
    # The first runs write the modules' bytecode, which images contain, and the compiled network.
    _vigil("first start", clip, model, 1.0)
    _usual("first start", clip, model, 1.0)

    people, usual_people = _vigil("people", clip, model, seconds), _usual("people", clip, model, seconds)
    best_people = _usual("people, best settings", clip, best_model, seconds, _BEST_SETTINGS)
    nobody, usual_nobody = (
        _vigil("a still scene", still, model, seconds),
        _usual("a still scene", still, model, seconds),
    )
    few_seconds = min(20.0, seconds)
    one, four = (_vigil(f"{count} cameras", clip, model, few_seconds, cameras=count) for count in (1, 4))
    print("bench: from picture to stored alert", flush=True)
    latency = measure_latency(clip, model, DETECTOR, BUILD)
    print("bench: ten thousand waiting alerts", flush=True)
    drain = measure_drain()
    return [
        *_work(people, usual_people, seconds),
        *_work_at_best(people, best_people, seconds),
        *_stillness(nobody, usual_nobody),
        *_memory(people, nobody, (four["resident_megabytes"] - one["resident_megabytes"]) / 3, latency),
        Measurement.at_most("start to first analysed frame", people["first_seconds"], "s", 3),
        *_delay(latency),
        *_draining(drain),
        *_gpu(),
    ]


def _work(vigil: Figures, usual: Figures, seconds: float) -> list[Measurement]:
    bare = vigil["bare_model_cpu"]
    others = vigil["cpu"] - vigil["first_cpu"] - vigil["looks"] * bare
    return [
        Measurement.plain("people: clip", seconds, "s"),
        Measurement.plain("people: Vigil, CPU per second of video", vigil["cpu"] / seconds * 1e3, "ms"),
        Measurement.plain("people: ultralytics, CPU per second of video", usual["cpu"] / seconds * 1e3, "ms"),
        Measurement.at_least("people: times less CPU, whole processes", usual["cpu"] / vigil["cpu"], "×", 10),
        Measurement.at_least("people: times less CPU, after the first frame", _times_less(vigil, usual), "×", 12),
        Measurement.plain("people: frames analysed", vigil["analysed"], ""),
        Measurement.plain("people: looks of the model", vigil["looks"], ""),
        Measurement.exactly("people: events", vigil["events"], "", usual["tracks"]),
        Measurement.plain("people: tracks of ultralytics", usual["tracks"], ""),
        Measurement.plain("bare model, CPU per picture", bare * 1e3, "ms"),
        Measurement.at_most(
            "all that is not the model, on top of the bare model over the analysed frames",
            others / (vigil["analysed"] * bare) * 100,
            "%",
            15,
        ),
        Measurement.at_most(
            "the same, over the looks of the model alone", others / (vigil["looks"] * bare) * 100, "%", 25
        ),
    ]


def _work_at_best(vigil: Figures, best: Figures, seconds: float) -> list[Measurement]:
    return [
        Measurement.plain(
            "people: ultralytics at its best, CPU per second of video", best["cpu"] / seconds * 1e3, "ms"
        ),
        Measurement.plain("people: times less CPU than that, whole processes", best["cpu"] / vigil["cpu"], "×"),
        Measurement.plain("people: times less CPU than that, after the first frame", _times_less(vigil, best), "×"),
        Measurement.plain("people: tracks of ultralytics at its best", best["tracks"], ""),
    ]


def _stillness(vigil: Figures, usual: Figures) -> list[Measurement]:
    return [
        Measurement.at_least("still scene: times less CPU, whole processes", usual["cpu"] / vigil["cpu"], "×", 40),
        Measurement.plain("still scene: times less CPU, after the first frame", _times_less(vigil, usual), "×"),
        Measurement.exactly("still scene: events", vigil["events"], "", usual["tracks"]),
        Measurement.at_most("start: CPU of Vigil to its first frame", vigil["first_cpu"], "s", 0.7),
        Measurement.plain("start: CPU of ultralytics to its first frame", usual["first_cpu"], "s"),
    ]


def _memory(people: Figures, nobody: Figures, further: float, latency: Latency) -> list[Measurement]:
    return [
        Measurement.at_most("memory of a one-camera detector, whole program", latency.resident_megabytes, "MB", 180),
        Measurement.plain("memory of the analysis of one camera, people", people["resident_megabytes"], "MB"),
        Measurement.plain("memory of the analysis of one camera, still scene", nobody["resident_megabytes"], "MB"),
        Measurement.at_most("memory of each further camera", further, "MB", 40),
    ]


def _delay(latency: Latency) -> list[Measurement]:
    if not latency.seconds:
        sys.exit("bench: no alert was stored while comers and goers were shown")
    milliseconds = sorted(seconds * 1e3 for seconds in latency.seconds)
    late = milliseconds[min(len(milliseconds) - 1, round(0.95 * len(milliseconds)))]
    return [
        Measurement.plain("picture to stored alert: alerts", len(milliseconds), ""),
        Measurement.at_most("picture to stored alert: median", statistics.median(milliseconds), "ms", 250),
        Measurement.at_most("picture to stored alert: 95 %", late, "ms", 500),
    ]


def _draining(drain: Drain) -> list[Measurement]:
    return [
        Measurement.exactly("waiting alerts: stored once each", drain.rows_of_waiting, "", WAITING),
        Measurement.plain("waiting alerts: the backend's own speed", drain.backend_per_second, "alerts/s"),
        Measurement.plain("waiting alerts: delivered", drain.spool_per_second, "alerts/s"),
        Measurement.at_least(
            "waiting alerts: delivered, of the backend's own speed",
            drain.spool_per_second / drain.backend_per_second * 100,
            "%",
            90,
        ),
    ]


def _gpu() -> list[Measurement]:
    worker = Path(__file__).with_name("gpu_worker.py")
    device, seconds, most = os.environ.get("VIGIL_BENCH_DEVICE", "cuda:0"), "5", "512"
    found = _process(f"device {device}", [str(ULTRALYTICS), str(worker), device, seconds, most])
    if not found:
        return [Measurement.plain(f"{device}: no GPU here, nothing measured", 0, "")]
    name = found["device"]
    return [
        *(
            Measurement.plain(f"{name}: a 1080p picture in batches of {batch}", milliseconds, "ms")
            for batch, milliseconds in found["milliseconds"].items()
        ),
        Measurement.plain(f"{name}: 1080p streams at 10 pictures/s, decoded already", found["streams"], ""),
    ]


def _times_less(vigil: Figures, usual: Figures) -> float:
    return float((usual["cpu"] - usual["first_cpu"]) / (vigil["cpu"] - vigil["first_cpu"]))


def still_clip(clip: Path) -> Path:
    """Return a clip of the same length that shows the empty first frame with sensor noise; encoded once.

    Like most cameras' streams, it has a keyframe every two seconds and no B-frames.
    """
    target = BUILD / f"still-camera-{CLIP_SECONDS:.0f}.mp4"
    if target.exists():
        return target
    print("bench: encoding a still scene", flush=True)
    BUILD.mkdir(parents=True, exist_ok=True)
    with av.open(str(clip)) as source:
        picture = next(source.decode(video=0)).to_ndarray(format="bgr24").astype(np.int16)
    grain = np.random.default_rng(1)
    with av.open(str(target), "w") as container:
        options = {"preset": "veryfast", "bf": "0", "g": str(round(2 * CLIP_FRAMES_PER_SECOND))}
        stream = container.add_stream("libx264", rate=CLIP_FRAMES_PER_SECOND, options=options)
        stream.width, stream.height, stream.pix_fmt = picture.shape[1], picture.shape[0], "yuv420p"
        # With more threads each frame has several slices, which GStreamer's payloader sends as frames of their own.
        stream.codec_context.thread_count = 1
        for _ in range(round(CLIP_SECONDS * CLIP_FRAMES_PER_SECOND)):
            noisy = (picture + grain.normal(0, 2, picture.shape)).clip(0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noisy, format="bgr24")))
        container.mux(stream.encode())
    return target


def _vigil(title: str, clip: Path, model: Path, seconds: float, cameras: int = 1) -> Figures:
    worker = Path(__file__).with_name("vigil_worker.py")
    arguments = [str(clip), str(model), str(FRAMES_PER_SECOND), str(seconds), str(cameras)]
    return _process(f"Vigil, {title}", [str(DETECTOR), str(worker), *arguments], memory_settings())


def _usual(title: str, clip: Path, model: Path, seconds: float, settings: Sequence[str] = ()) -> Figures:
    worker = Path(__file__).with_name("ultralytics_worker.py")
    arguments = [str(clip), str(model), str(CLIP_FRAMES_PER_SECOND // FRAMES_PER_SECOND)]
    most = round(seconds * FRAMES_PER_SECOND)
    return _process(f"ultralytics, {title}", [str(ULTRALYTICS), str(worker), *arguments, str(most), *settings])


def _process(title: str, command: list[str], settings: Mapping[str, str] | None = None) -> Figures:
    print(f"bench: {title}", flush=True)
    environment = {**os.environ, **(settings or {}), "YOLO_OFFLINE": "true", "PYTHONPATH": ""}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    ended = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment, check=False)
    if ended.returncode:
        sys.exit(f"bench: {title} failed:\n{ended.stderr[-3000:]}")
    figures: Figures = json.loads(ended.stdout.strip().splitlines()[-1])
    return figures
