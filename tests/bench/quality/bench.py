"""Right, missed and false events of all clips, at several frame rates and sizes of the people.

`VIGIL_SHARED` is the folder of clips and model. `VIGIL_BENCH_CLIPS` selects some of: people, cars, demo, far,
recall. Each frame or region is analysed once for all rates. `ultralytics` takes part in the recall.
"""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.bench.quality.recall import measure_recall
from tests.bench.quality.score import Visit, score
from tests.bench.report import Measurement
from tests.integration.detector.clips import CARS, PERSONS, RememberingModel, sampled
from tests.integration.detector.pasted import FULL_HD, UHD, Pasted, pasted
from tests.integration.detector.vision.test_clips import VISITS
from tests.integration.detector.vision.test_demo_round import STORY

import cctv.detectors
from cctv.common.frame import Frame
from cctv.detectors.loader import load_model
from cctv.vision.analyser import Analyser
from vigil_contracts.camera import CameraConfiguration
from vigil_contracts.detection import Detection
from vigil_demo.yard_clip import ensure_yard_clip

ROOT = Path(__file__).parents[3]
ULTRALYTICS = ROOT / ".venvs" / "ultralytics" / "bin" / "python"
DEMO_MODEL = Path(cctv.detectors.__file__).parents[1] / "models" / "demo"
RATES, DEMO_RATES = (1, 2, 5, 10), (5, 6, 8, 10)
PEOPLE = [Visit("person", begin - 1, end + 1) for begin, end in VISITS]
PASSING_CARS = [Visit("vehicle", begin, end) for begin, end in ((4, 8), (14, 18), (14, 18), (25, 28))]
PLACES = (
    Pasted(FULL_HD, 384, left=700, top=400),
    Pasted(FULL_HD, 192, left=1180, top=560),
    Pasted(FULL_HD, 192, left=0, top=972),
    Pasted(FULL_HD, 128, left=300, top=700),
    Pasted(FULL_HD, 128, left=1792, top=8),
    Pasted(UHD, 384, left=2400, top=1120),
    Pasted(UHD, 256, left=100, top=60),
)


def measure() -> list[Measurement]:
    """Analyse the selected clips."""
    shared = Path(os.environ.get("VIGIL_SHARED", ROOT.parent / "shared"))
    people, cars = (shared / "videos" / clip for clip in (PERSONS, CARS))
    network = shared / "models" / "yolov8n_int8_openvino_model"
    for path in (people, cars, network):
        if not path.exists():
            sys.exit(f"bench: {path} is missing (set VIGIL_SHARED)")
    chosen = os.environ.get("VIGIL_BENCH_CLIPS", "people,cars,demo,far,recall").split(",")
    yolo = load_model(network)
    found: list[Measurement] = []
    if "people" in chosen:
        found += _at_rates("people", people, RememberingModel(yolo), PEOPLE, RATES)
    if "cars" in chosen:
        found += _at_rates("cars", cars, RememberingModel(yolo), PASSING_CARS, RATES, minimum_confidence=0.3)
    if "demo" in chosen:
        story = [Visit(kind, begin, end) for kind, begin, end in STORY]
        clip = ensure_yard_clip(ROOT / "build" / "demo-clip")
        found += _at_rates("demo", clip, RememberingModel(load_model(DEMO_MODEL), alike=0.0), story, DEMO_RATES)
    if "far" in chosen:
        for place in PLACES:
            name = f"people, {place.width} pixels of {place.scene[0]}, at {place.left}, {place.top}"
            found += _rows(name, pasted(people, place, 5), RememberingModel(yolo), PEOPLE, 5)
    if "recall" in chosen:
        found += measure_recall(people, network, yolo, ULTRALYTICS)
    return found


def _at_rates(
    name: str,
    clip: Path,
    model: RememberingModel,
    visits: list[Visit],
    rates: Iterable[int],
    **detection: float,
) -> list[Measurement]:
    found = []
    for rate in rates:
        found += _rows(f"{name}, {rate} frames/s", sampled(clip, rate), model, visits, rate, **detection)
    return found


def _rows(
    name: str,
    frames: Iterable[Frame],
    model: RememberingModel,
    visits: list[Visit],
    rate: int,
    **detection: float,
) -> list[Measurement]:
    camera = CameraConfiguration(
        id=1,
        name="bench",
        rtsp_url="rtsp://host/stream",
        revision="1",
        detection=Detection(frames_per_second=rate, **detection),
    )
    analyser = Analyser(camera, model)
    before = model.inferences
    events = [
        (str(event.alert_type), frame.monotonic_seconds) for frame in frames for event in analyser.process(frame)
    ]
    result = score(events, visits)
    print(f"bench: {name}: {result}", flush=True)
    return [
        Measurement.exactly(f"{name}: right", result.right, "events", len(visits)),
        Measurement.exactly(f"{name}: false", result.false, "events", 0),
        Measurement.plain(f"{name}: inferences", model.inferences - before, ""),
    ]
