"""`python -m cctv.detectors.int8_process NETWORK`: create and check an INT8 network while a detector runs.

Frames are read from stdin and never written to disk, since they show people. The process has the lowest priority, one
processor and bounded memory, pauses between frames, and ends when its parent closes stdin or dies.
"""

import argparse
import json
import os
import resource
import shutil
import struct
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, cast

import cv2
import numpy as np
import openvino as ov

from cctv.common.frame import Frame, Image
from cctv.detectors import int8_network
from cctv.detectors.agreement import compare
from cctv.detectors.int8_verdict import (
    Limits,
    Verdict,
    cost_problem,
    int8_folder,
    judge,
    processor_name,
    write_verdict,
)
from cctv.detectors.letterbox import PADDING_GREY, Letterbox, smallest_input
from cctv.detectors.openvino_network import STRIDE, read_network, with_input_size
from cctv.detectors.openvino_runtime import OpenVinoModel

HELD_BACK = 4
"""Every fourth frame is used for the comparison, not for calibration."""
COUNTED_CONFIDENCE = 0.25
REST = 3.0
"""Seconds of sleep per second of work: a quarter of one processor, even if priorities have no effect (under a pod's
CPU limit)."""
_TRIAL_FRAMES = 4
"""Enough to measure the cost; agreement is measured on all frames."""
_COST_ROUNDS = 3
_LEFTOVER_SECONDS = 24 * 3600.0
_MEMORY_BYTES = 2 * 1024**3
_LENGTH = struct.Struct("!I")


def write_frames(pipe: IO[bytes], jpegs: Sequence[bytes]) -> None:
    """Send frames to the process: their number, then each with its length. Leaves the pipe open."""
    pipe.write(_LENGTH.pack(len(jpegs)))
    for jpeg in jpegs:
        pipe.write(_LENGTH.pack(len(jpeg)) + jpeg)
    pipe.flush()


def read_frames(pipe: IO[bytes]) -> list[bytes]:
    """Receive what `write_frames` sent. Raises `struct.error` if the pipe is closed before the end."""
    (count,) = _LENGTH.unpack(pipe.read(_LENGTH.size))
    return [pipe.read(*_LENGTH.unpack(pipe.read(_LENGTH.size))) for _ in range(count)]


def make_int8(network: Path, jpegs: Sequence[bytes], limits: Limits, rest: float = 0.0) -> Verdict:
    """Quantise `network` on most of the frames, compare it on the others, and store both results beside it.

    `rest`: seconds of sleep per second of work. Raises `OSError` if the folder is not writable.
    """
    target = int8_folder(network)
    _remove_leftovers(network.parent)
    work = Path(tempfile.mkdtemp(prefix=".int8-", dir=network.parent))
    try:
        verdict = _make(network, [_image(jpeg) for jpeg in jpegs], limits, rest, work / "network.xml")
        if verdict.accepted is None:
            return verdict
        if not verdict.accepted:
            for file in work.iterdir():
                file.unlink()
        write_verdict(verdict, work)
        work.chmod(0o755)
        shutil.rmtree(target, ignore_errors=True)
        work.rename(target)
        return verdict
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _remove_leftovers(folder: Path) -> None:
    """Remove incomplete networks of killed processes."""
    for path in folder.glob(".int8-*"):
        if time.time() - path.stat().st_mtime > _LEFTOVER_SECONDS:
            shutil.rmtree(path, ignore_errors=True)


def _make(network: Path, images: list[Image], limits: Limits, rest: float, target: Path) -> Verdict:
    core = ov.Core()
    processor = processor_name(core)
    calibration = [image for number, image in enumerate(images) if number % HELD_BACK]
    held_back = [_frame(image) for image in images[::HELD_BACK]]
    before = OpenVinoModel(network)
    _quantise(core, network, calibration[:_TRIAL_FRAMES], 0.0, target)
    cost = _cost(before, OpenVinoModel(target), held_back[0])
    if problem := cost_problem(cost, limits):
        return Verdict(False, problem, processor, round(cost, 3))
    _quantise(core, network, calibration, rest, target)
    after = OpenVinoModel(target)
    pairs = ((before.detect(frame), after.detect(frame)) for frame in _with_pauses(held_back, rest))
    return judge(compare(pairs, COUNTED_CONFIDENCE), cost, limits, processor)


def _quantise(core: ov.Core, network: Path, images: Sequence[Image], rest: float, target: Path) -> None:
    """Calibrate on the images, each at the input size that the detector uses for it, and write the network."""
    read = read_network(core, network)
    groups: dict[tuple[int, int], list[Image]] = defaultdict(list)
    for image in images:
        picture = (image.shape[1], image.shape[0])
        size = smallest_input(picture, read.input_size, STRIDE) if read.resizable else read.input_size
        groups[size].append(image)
    parts = []
    for size, group in groups.items():
        model = with_input_size(read_network(core, network), size)
        inputs = _with_pauses((_pad(image, size) for image in group), rest)
        parts.append(int8_network.input_ranges(core, model, inputs))
    int8_network.quantise(read.model, int8_network.mean_ranges(parts))
    ov.save_model(read.model, target, compress_to_fp16=False)


def _with_pauses(images: Iterable[Any], rest: float) -> Iterator[Any]:
    """Yield the images; after each, sleep for `rest` times the duration of the work on it."""
    for image in images:
        began = time.monotonic()
        yield image
        time.sleep(rest * (time.monotonic() - began))


def _cost(before: OpenVinoModel, after: OpenVinoModel, frame: Frame) -> float:
    """Return the processor time of `after` as a fraction of that of `before`, measured alternately."""
    seconds = np.array(
        [
            [model.bare_cpu_seconds(frame.width, frame.height, 2) for model in (before, after)]
            for _ in range(_COST_ROUNDS)
        ]
    )
    fastest = seconds.min(axis=0)
    return float(fastest[1] / fastest[0])


def _image(jpeg: bytes) -> Image:
    return cast("Image", cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR))


def _frame(bgr: Image) -> Frame:
    return Frame.from_bgr(bgr, datetime.now(UTC), 0.0, 0)


def _pad(bgr: Image, size: tuple[int, int]) -> Image:
    """Return the network's input: (height, width, 3), RGB."""
    box = Letterbox.fit((bgr.shape[1], bgr.shape[0]), size)
    padded = np.full((size[1], size[0], 3), PADDING_GREY, np.uint8)
    padded[: box.height, : box.width] = _frame(bgr).scaled_rgb(box.width, box.height)
    return padded


def _yield_to_the_detector() -> None:
    os.nice(19)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold the frames


def _end_with_the_parent() -> None:
    sys.stdin.buffer.read(1)  # nothing more is sent: this returns when the parent closes its end or dies
    os._exit(1)


def main() -> int:
    """Read the frames, create the network, and print the verdict as JSON."""
    parser = argparse.ArgumentParser(prog="python -m cctv.detectors.int8_process")
    parser.add_argument("network", type=Path)
    parser.add_argument("--limits", type=json.loads, default={}, help="JSON, fields of Limits")
    parser.add_argument("--rest", type=float, default=REST, help="seconds of sleep per second of work")
    arguments = parser.parse_args()
    _yield_to_the_detector()
    jpegs = read_frames(sys.stdin.buffer)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    try:
        verdict = make_int8(arguments.network, jpegs, Limits(**arguments.limits), arguments.rest)
    except (OSError, RuntimeError, MemoryError) as error:
        print(f"{type(error).__name__}: {str(error).strip().splitlines()[-1:]}", file=sys.stderr)
        return 1
    print(json.dumps(asdict(verdict)), flush=True)
    # A normal exit would wait for the thread's lock on stdin; the verdict is already written.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
