"""Makes the demo model: `python -m vigil_demo.train`.

Renders the data set, trains a small YOLOv8 on it from random weights, exports it to OpenVINO, measures it on held-out
pictures and on the demo clip, and writes model and model card. Needs the extras `detector` and `ultralytics`.
`--quick` goes the whole way in a few minutes to see that it works; its model is good for nothing.
"""

import argparse
import os
import platform
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

_CACHE = Path.home() / ".cache" / "vigil"
_ROOT = Path(__file__).parents[2]
_SHIPPED = _ROOT / "detector_image" / "cctv" / "models" / "demo"


@dataclass(frozen=True)
class Plan:
    """How much of everything."""

    training_yards: int
    validation_yards: int
    test_yards: int
    minutes: float
    epochs: int
    story_every: int
    seed: int
    int8: bool


FULL = Plan(250, 30, 60, minutes=58, epochs=40, story_every=1, seed=0, int8=False)
QUICK = Plan(4, 2, 2, minutes=0, epochs=1, story_every=60, seed=0, int8=False)


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0 when the model is written, 2 when an option is wrong."""
    parser = argparse.ArgumentParser(prog="vigil_demo.train", description="Makes Vigil's demo model.")
    parser.add_argument("--quick", action="store_true", help="a trial run; writes to the work folder only")
    parser.add_argument("--minutes", type=float, help=f"wall-clock limit of the training (default: {FULL.minutes})")
    parser.add_argument("--int8", action="store_true", help="quantise to INT8 (default: FP16)")
    parser.add_argument(
        "--weights", type=Path, help="trained weights (.pt) of an earlier run: export and measure only"
    )
    parser.add_argument("--work-dir", type=Path, default=_ROOT / "build" / "demo-model", help="default: %(default)s")
    parser.add_argument("--output", type=Path, help=f"folder of the finished model (default: {_SHIPPED})")
    options = parser.parse_args(arguments)
    if options.minutes is not None and options.minutes <= 0:
        parser.error(f"--minutes: must be more than 0, is {options.minutes}")
    if options.weights is not None and not options.weights.is_file():
        parser.error(f"--weights: {options.weights} is no file")
    base = QUICK if options.quick else FULL
    plan = Plan(**{**vars(base), "int8": options.int8, "minutes": options.minutes or base.minutes})
    output = options.output or (options.work_dir / "model" if options.quick else _SHIPPED)
    _keep_out_of_the_home_folder()
    make_model(plan, options.work_dir.resolve(), output.resolve(), options.weights)
    return 0


def make_model(plan: Plan, work_dir: Path, output: Path, weights: Path | None = None) -> None:
    """The whole way; leaves the finished model in `output`."""
    # Imported late: they bring torch, and read the environment as they are imported.
    from vigil_demo.training.card import Making, write_card
    from vigil_demo.training.dataset import FIRST_SEED, PICTURES_PER_YARD, render_dataset
    from vigil_demo.training.evaluate import evaluate, held_out_pictures, story_pictures
    from vigil_demo.training.export import export
    from vigil_demo.training.fit import DEPTH_MULTIPLE, INPUT_SIZE_PX, WIDTH_MULTIPLE, fit
    from vigil_demo.yard_clip import ensure_yard_clip

    work_dir.mkdir(parents=True, exist_ok=True)
    with _step("rendering the data set"):
        yards = {"train": plan.training_yards, "val": plan.validation_yards}
        data = render_dataset(work_dir / "dataset", yards, os.cpu_count() or 1)
    if weights is None:
        with _step("training"):
            weights = fit(data, work_dir, minutes=plan.minutes, epochs=plan.epochs, seed=plan.seed)
    with _step("exporting"):
        export(weights, output, int8=plan.int8, data=data, input_size_px=INPUT_SIZE_PX)
    with _step("rendering the demo clip"):
        clip = ensure_yard_clip(work_dir)
    with _step("measuring"):
        held_out = evaluate(output, held_out_pictures(plan.test_yards))
        story = evaluate(output, story_pictures(clip, plan.story_every))
    first, test = FIRST_SEED["train"], FIRST_SEED["test"]
    making = Making(
        command=_command(plan),
        architecture=f"YOLOv8 (n, depth {DEPTH_MULTIPLE}, width {WIDTH_MULTIPLE})",
        input_size_px=INPUT_SIZE_PX,
        precision="INT8" if plan.int8 else "FP16",
        training_pictures=plan.training_yards * PICTURES_PER_YARD,
        training_seeds=f"{first} to {first + plan.training_yards - 1}",
        test_seeds=f"{test} to {test + plan.test_yards - 1}",
        trained=f"{_epochs(weights)} on {os.cpu_count()} CPU cores ({platform.machine()}), seed {plan.seed}",
        versions=", ".join(f"{name} {version(name)}" for name in ("ultralytics", "torch", "openvino")),
    )
    write_card(output, making, held_out, story)
    _say(f"written: {output}")
    for name, classes in (("held-out yards, clear", held_out.clear), ("demo clip", story.classes)):
        for label, figures in classes.items():
            _say(f"{name}, {label}: precision {figures.precision:.3f}, recall {figures.recall:.3f}")


def _keep_out_of_the_home_folder() -> None:
    """Ultralytics and matplotlib write settings to the home folder, and the former installs packages by itself."""
    os.environ.setdefault("YOLO_CONFIG_DIR", str(_CACHE / "ultralytics"))
    os.environ.setdefault("MPLCONFIGDIR", str(_CACHE / "matplotlib"))
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    for name in ("YOLO_CONFIG_DIR", "MPLCONFIGDIR"):
        Path(os.environ[name]).mkdir(parents=True, exist_ok=True)


def _command(plan: Plan) -> str:
    size = ["--minutes", f"{plan.minutes:g}"] if plan.minutes else ["--quick"]
    return shlex.join(["python", "-m", "vigil_demo.train", *size, *(["--int8"] if plan.int8 else [])])


def _epochs(weights: Path) -> str:
    """What the training's own log says."""
    log = weights.parents[1] / "results.csv"
    if not log.is_file():
        return "earlier"
    lines = log.read_text().strip().splitlines()
    epochs, seconds = lines[-1].split(",")[:2]
    return f"{epochs.strip()} epochs in {float(seconds) / 60:.0f} minutes"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@contextmanager
def _step(what: str) -> Iterator[None]:
    _say(f"{what} …")
    began = time.monotonic()
    yield
    _say(f"{what}: done in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
