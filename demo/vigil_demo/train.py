"""Train the demo model: `python -m vigil_demo.train`.

Renders the data set, trains a small YOLOv8 on it from random weights, exports it to OpenVINO, evaluates it on
held-out images and on the demo clip, and writes model and model card. Needs the extras `detector` and `ultralytics`.
`--quick` runs all steps in a few minutes as a check; its model is useless.
"""

import argparse
import os
import platform
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vigil_demo.training.card import Making

_CACHE = Path.home() / ".cache" / "vigil"
_ROOT = Path(__file__).parents[2]
_SHIPPED = _ROOT / "detector_image" / "cctv" / "models" / "demo"


@dataclass(frozen=True)
class Stage:
    """One training: on the first `yards` of the data set, for `minutes` of wall-clock time (0: for `epochs`)."""

    yards: int
    minutes: float
    epochs: int


@dataclass(frozen=True)
class Plan:
    """The amount of data and training. Each stage continues from the previous one."""

    stages: tuple[Stage, ...]
    validation_yards: int
    test_yards: int
    story_every: int
    seed: int = 0
    int8: bool = False


FULL = Plan((Stage(250, 58, 40), Stage(450, 13, 8)), validation_yards=30, test_yards=60, story_every=1)
QUICK = Plan((Stage(3, 0, 1), Stage(4, 0, 1)), validation_yards=2, test_yards=2, story_every=60)


def main(arguments: list[str] | None = None) -> int:
    """Return exit status 0 when the model is written, 2 for an invalid option."""
    parser = argparse.ArgumentParser(prog="vigil_demo.train", description="Makes Vigil's demo model.")
    parser.add_argument("--quick", action="store_true", help="a trial run; writes to the work folder only")
    parser.add_argument("--int8", action="store_true", help="quantise to INT8 (default: FP16)")
    parser.add_argument("--weights", type=Path, help="trained weights (.pt) of an earlier run: no training")
    parser.add_argument("--work-dir", type=Path, default=_ROOT / "build" / "demo-model", help="default: %(default)s")
    parser.add_argument("--output", type=Path, help=f"folder of the finished model (default: {_SHIPPED})")
    options = parser.parse_args(arguments)
    if options.weights is not None and not options.weights.is_file():
        parser.error(f"--weights: {options.weights} is no file")
    plan = replace(QUICK if options.quick else FULL, int8=options.int8)
    output = options.output or (options.work_dir / "model" if options.quick else _SHIPPED)
    _keep_out_of_the_home_folder()
    make_model(plan, options.work_dir.resolve(), output.resolve(), options.weights)
    return 0


def make_model(plan: Plan, work_dir: Path, output: Path, weights: Path | None = None) -> None:
    """Run all steps and write the finished model to `output`."""
    # Imported late: they import torch and read the environment at import time.
    from vigil_demo.training.calibrate import calibrate, measure_confidences
    from vigil_demo.training.card import write_card
    from vigil_demo.training.dataset import FIRST_SEED, render_dataset
    from vigil_demo.training.evaluate import evaluate, held_out_frames, story_frames
    from vigil_demo.training.export import export
    from vigil_demo.training.fit import INPUT_SIZE_PX
    from vigil_demo.yard_clip import ensure_yard_clip

    work_dir.mkdir(parents=True, exist_ok=True)
    with _step("rendering the data set"):
        yards = {"train": plan.stages[-1].yards, "val": plan.validation_yards}
        data = render_dataset(work_dir / "dataset", yards, os.cpu_count() or 1)
    if weights is None:
        weights = _fit_in_stages(plan, data, work_dir)
    with _step("calibrating"):
        raw = export(weights, work_dir / "uncalibrated", int8=plan.int8, data=data, input_size_px=INPUT_SIZE_PX)
        confidences = measure_confidences(raw, held_out_frames(plan.validation_yards, FIRST_SEED["val"]))
        calibrated = calibrate(weights, work_dir / "calibrated.pt", confidences)
    with _step("exporting"):
        export(calibrated, output, int8=plan.int8, data=data, input_size_px=INPUT_SIZE_PX)
    with _step("rendering the demo clip"):
        clip = ensure_yard_clip(work_dir)
    with _step("measuring"):
        held_out = evaluate(output, held_out_frames(plan.test_yards))
        story = evaluate(output, story_frames(clip, plan.story_every))
    write_card(output, _making(plan, confidences), held_out, story)
    _say(f"written: {output}")
    for name, classes in (("held-out yards, clear", held_out.clear), ("demo clip", story.classes)):
        for label, figures in classes.items():
            _say(f"{name}, {label}: precision {figures.precision:.3f}, recall {figures.recall:.3f}")


def _fit_in_stages(plan: Plan, data: Path, work_dir: Path) -> Path:
    from vigil_demo.training.dataset import part_of
    from vigil_demo.training.fit import fit

    weights = None
    for number, stage in enumerate(plan.stages, 1):
        with _step(f"training, stage {number} of {len(plan.stages)}"):
            folder = work_dir / f"stage-{number}"
            folder.mkdir(exist_ok=True)
            weights = fit(
                part_of(data, stage.yards), folder,
                minutes=stage.minutes, epochs=stage.epochs, seed=plan.seed + number - 1, start_from=weights,
            )  # fmt: skip
    assert weights is not None
    return weights


def _making(plan: Plan, confidences: list[float]) -> "Making":
    from vigil_demo.training.card import Making
    from vigil_demo.training.dataset import FIRST_SEED, PICTURES_PER_YARD
    from vigil_demo.training.fit import DEPTH_MULTIPLE, INPUT_SIZE_PX, WIDTH_MULTIPLE

    first, test = FIRST_SEED["train"], FIRST_SEED["test"]
    stages = ", then ".join(
        f"{stage.minutes:g} minutes on {stage.yards * PICTURES_PER_YARD} pictures (seeds {first} to "
        f"{first + stage.yards - 1})"
        for stage in plan.stages
    )
    return Making(
        command=_command(plan),
        architecture=f"YOLOv8 (n, depth {DEPTH_MULTIPLE}, width {WIDTH_MULTIPLE})",
        input_size_px=INPUT_SIZE_PX,
        precision="INT8" if plan.int8 else "FP16",
        trained=f"{stages}; {os.cpu_count()} CPU cores ({platform.machine()}), seed {plan.seed}",
        test_seeds=f"{test} to {test + plan.test_yards - 1}",
        confidences=tuple(confidences),
        versions=", ".join(f"{name} {version(name)}" for name in ("ultralytics", "torch", "openvino")),
    )


def _keep_out_of_the_home_folder() -> None:
    """Stop Ultralytics and matplotlib writing settings to the home folder, and the former installing packages."""
    os.environ.setdefault("YOLO_CONFIG_DIR", str(_CACHE / "ultralytics"))
    os.environ.setdefault("MPLCONFIGDIR", str(_CACHE / "matplotlib"))
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    for name in ("YOLO_CONFIG_DIR", "MPLCONFIGDIR"):
        Path(os.environ[name]).mkdir(parents=True, exist_ok=True)


def _command(plan: Plan) -> str:
    quick = plan.stages == QUICK.stages
    return shlex.join(
        ["python", "-m", "vigil_demo.train", *(["--quick"] if quick else []), *(["--int8"] if plan.int8 else [])]
    )


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
