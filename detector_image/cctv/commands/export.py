"""`cctv export yolov8n.pt --sha256 … --calibrate yard.mp4`: export weights as OpenVINO INT8 or a TensorRT engine.

Calibrate with frames of your own camera, since INT8 is accurate for the data it was calibrated with. A fifth of the
frames is held back to compare the detections before and after. An export that deviates too much is not installed.
"""

import argparse
import contextlib
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from tqdm import tqdm

from cctv.common.frame import Frame
from cctv.detectors.agreement import Agreement, compare
from cctv.detectors.engine_record import record_path
from cctv.detectors.errors import ModelInvalidError
from cctv.detectors.loader import load_model
from cctv.detectors.model import Detections, Model
from cctv.detectors.model_files import find_model, model_folder

HELD_BACK = 5
"""Every fifth frame is used for the comparison instead of the calibration."""
PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})
LEAST_PICTURES = 10


@dataclass(frozen=True, slots=True)
class Report:
    """The result of an export."""

    model: str
    agreement: Agreement
    milliseconds_before: float
    milliseconds_after: float
    calibrated_on: int

    def row(self) -> dict[str, Any]:
        """Return the report for JSON output."""
        return {**asdict(self), "share": self.agreement.share}


class ExportError(Exception):
    """The export failed or is not accurate enough; the message gives the reason."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("model", help="weights (.pt), as a path or a name")
    parser.add_argument("--sha256", default=None, metavar="HEX", help="what the weights must be; .pt files need it")
    parser.add_argument(
        "--calibrate", type=Path, nargs="+", required=True, metavar="PATH", help="clips or folders of images"
    )
    parser.add_argument("--format", choices=("openvino", "tensorrt"), default="openvino", help="default: %(default)s")
    parser.add_argument("--to", type=Path, default=None, metavar="PATH", help="default: by name in the model folder")
    parser.add_argument(
        "--pictures", type=int, default=375, metavar="N", help="at most so many (default: %(default)s)"
    )
    parser.add_argument(
        "--size", type=int, default=640, metavar="PIXELS", help="network's input (default: %(default)s)"
    )
    parser.add_argument("--prompts", nargs="+", default=(), metavar="WORDS", help="build these in (YOLO-World)")
    parser.add_argument("--confidence", type=float, default=0.25, help="what counts as found (default: %(default)s)")
    parser.add_argument(
        "--least-agreement", type=float, default=0.8, metavar="SHARE", help="below: not put in place (%(default)s)"
    )
    parser.add_argument("--output", choices=("table", "json"), default="table", help="how the comparison is printed")


def main(arguments: argparse.Namespace) -> int:
    """Run an export; return the exit status."""
    try:
        # Libraries print progress, which must not appear in output that a program reads.
        with contextlib.redirect_stdout(sys.stderr), tempfile.TemporaryDirectory(prefix="cctv-export-") as work:
            report = export(arguments, Path(work))
    except (ExportError, ModelInvalidError) as error:
        print(f"cctv export: {error}", file=sys.stderr)
        return 2
    print(json.dumps(report.row(), indent=2) if arguments.output == "json" else table(report))
    return 0


def export(arguments: argparse.Namespace, work: Path) -> Report:
    """Run the export in the folder `work`. Raises `ExportError` or `ModelInvalidError` without side effects."""
    from cctv.detectors.exporting import export_weights

    weights = find_model(arguments.model, arguments.sha256)
    if weights.path.suffix.lower() != ".pt":
        raise ExportError(f"{weights.path}: must be weights (.pt), not an exported model")
    suffix = "_int8_openvino_model" if arguments.format == "openvino" else ".engine"
    target = arguments.to or model_folder() / f"{weights.path.stem}{suffix}"
    prompts = tuple(arguments.prompts)
    before = load_model(weights.path, device="cpu", sha256=weights.sha256, prompts=prompts, size_px=arguments.size)
    try:
        calibration, held_back = gather(arguments.calibrate, work, arguments.pictures)
        made = export_weights(
            weights.path, arguments.format, calibration, work, size_px=arguments.size, prompts=prompts
        )
        after = load_model(made, device="" if arguments.format == "tensorrt" else "cpu", size_px=arguments.size)
        try:
            report = _compare(before, after, held_back, arguments.confidence, str(target), calibration)
        finally:
            after.close()
    finally:
        before.close()
    share = report.agreement.share
    if share is None:
        raise ExportError(
            f"neither model found anything in {report.agreement.pictures} pictures, so that nothing can be compared;"
            " calibrate on pictures that show what is looked for"
        )
    if share < arguments.least_agreement:
        raise ExportError(
            f"the export agrees with its weights in {share:.0%} of the objects only, less than"
            f" {arguments.least_agreement:.0%} (--least-agreement); it is not put in place. More pictures may help"
        )
    if record_path(made).is_file():
        put_in_place(record_path(made), record_path(target))
    put_in_place(made, target)
    return report


def gather(sources: Sequence[Path], work: Path, most: int) -> tuple[Path, list[Path]]:
    """Extract evenly spaced frames as JPEG files; return the calibration folder and the held-back files.

    Raises `ExportError`.
    """
    folders = work / "pictures" / "calibration", work / "pictures" / "held-back"
    for folder in folders:
        folder.mkdir(parents=True)
    number = 0
    for source in sources:
        for picture in _pictures(source, max(1, most // len(sources))):
            folder = folders[number % HELD_BACK == HELD_BACK - 1]
            cv2.imwrite(str(folder / f"{number:05d}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 95])
            number += 1
    if number < LEAST_PICTURES:
        raise ExportError(f"--calibrate: holds {number} frames; at least {LEAST_PICTURES} are needed, better 300")
    return folders[0], sorted(folders[1].iterdir())


def put_in_place(made: Path, target: Path) -> None:
    """Move a model to its place, replacing an earlier one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh, former = (target.with_name(f".{target.name}.{word}") for word in ("new", "old"))
    for path in (fresh, former):
        shutil.rmtree(path, ignore_errors=True)
    shutil.move(made, fresh)
    if target.exists():
        target.rename(former)
    fresh.rename(target)
    shutil.rmtree(former, ignore_errors=True)
    if former.is_file():
        former.unlink()


def table(report: Report) -> str:
    """Return the report as a table."""
    agreed = report.agreement
    share = agreed.share or 0.0
    lines = [
        f"{report.model}",
        f"calibrated on     {report.calibrated_on} pictures, compared on {agreed.pictures} others",
        f"objects           {agreed.before} before, {agreed.after} after, {agreed.both} the same ({share:.1%})",
        f"boxes             overlap {agreed.overlap:.3f}",
        f"confidence        {agreed.confidence_change:+.3f}",
        f"time a picture    {report.milliseconds_before:.0f} ms before, {report.milliseconds_after:.0f} ms after",
    ]
    return "\n".join(lines)


def _pictures(source: Path, most: int) -> "list[np.ndarray[Any, Any]]":
    if source.is_dir():
        files = sorted(path for path in source.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
        read = (cv2.imread(str(path)) for path in files[:: max(1, -(-len(files) // most))])
        return [picture for picture in tqdm(read, desc=source.name, unit=" pictures") if picture is not None]
    try:
        with av.open(str(source)) as container:
            total = sum(1 for packet in container.demux(video=0) if packet.size)
        every = max(1, -(-total // most))
        chosen = []
        with av.open(str(source)) as container:
            for number, picture in enumerate(tqdm(container.decode(video=0), desc=source.name, total=total)):
                if number % every == 0:
                    chosen.append(np.asarray(picture.to_ndarray(format="bgr24")))
        return chosen
    except (av.FFmpegError, OSError, IndexError) as error:
        raise ExportError(f"--calibrate {source}: must be a clip or a folder of images: {error}") from error


def _compare(
    before: Model, after: Model, pictures: Sequence[Path], confidence: float, target: str, calibration: Path
) -> Report:
    frames = [_frame(path) for path in pictures]
    found, milliseconds = zip(
        *(_look(model, frames, word) for model, word in ((before, "before"), (after, "after"))), strict=True
    )
    agreement = compare(zip(*found, strict=True), confidence)
    return Report(target, agreement, milliseconds[0], milliseconds[1], len(list(calibration.iterdir())))


def _look(model: Model, frames: Sequence[Frame], word: str) -> tuple[list[Detections], float]:
    model.detect(frames[0])  # the first inference initialises the network
    began = time.perf_counter()
    found = [model.detect(frame) for frame in tqdm(frames, desc=f"looking, {word}", unit=" pictures")]
    return found, (time.perf_counter() - began) / len(frames) * 1e3


def _frame(path: Path) -> Frame:
    return Frame.from_bgr(np.asarray(cv2.imread(str(path)), np.uint8), datetime.now(UTC), 0.0, 0)
