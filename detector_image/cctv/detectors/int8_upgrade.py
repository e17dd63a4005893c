"""Replace a running float32 network by an INT8 one that is calibrated on the camera's own frames.

Analysed frames are kept as JPEG, in memory only. Once there are enough, a process of low priority creates and checks
the INT8 network (`cctv.detectors.int8_process`); the model is replaced between two frames.
"""

import contextlib
import json
import logging
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from pathlib import Path

import openvino as ov

from cctv.common.frame import Frame
from cctv.common.jpeg import encode_jpeg
from cctv.detectors.devices import CPU
from cctv.detectors.errors import ModelInvalidError
from cctv.detectors.int8_process import REST, write_frames
from cctv.detectors.int8_verdict import Limits, Verdict, int8_folder, processor_name, read_verdict
from cctv.detectors.letterbox import Letterbox
from cctv.detectors.model import DescribedModel, Detections, Model, ModelInfo
from cctv.detectors.openvino_runtime import OpenVinoModel

log = logging.getLogger(__name__)

Calibrate = Callable[[Path, list[bytes], threading.Event], Verdict | None]
"""Creates the INT8 network from frames (JPEG) unless the event is set; None: it failed and has logged why."""

_TIME_LIMIT_SECONDS = 3600.0
_JPEG_QUALITY = 95


@dataclass(frozen=True, slots=True)
class Plan:
    """Which frames to collect."""

    frames: int = 240
    seconds_between: float = 5.0
    """Minimum interval between frames, so that they differ: 240 frames take 20 minutes of analysed video."""
    attempts: int = 3
    """How often frames are collected again if they show too few objects for a decision."""


def with_int8(network: Path, device: str) -> Model:
    """Return the model of a converted network: INT8 if that was accepted before, else one that collects frames."""
    if device != CPU:
        return OpenVinoModel(network, device)
    verdict = read_verdict(network, processor_name(ov.Core()))
    if verdict is None:
        return UpgradableModel(_load(network), network)
    if not verdict.accepted:
        log.info("keeping float32 for %s, as decided before: %s", network, verdict.reason)
        return _load(network)
    try:
        model = _load(int8_folder(network) / "network.xml")
    except ModelInvalidError as error:
        log.warning("the stored INT8 network cannot be used and is created again: %s", error)
        return UpgradableModel(_load(network), network)
    log.info("using the INT8 network of %s, as decided before: %s", network, verdict.reason)
    return model


def _load(network: Path) -> Model:
    return OpenVinoModel(network, keep_compiled=True)


class UpgradableModel:
    """A model that is replaced by its INT8 network while it runs; see `cctv.detectors.model.Model`."""

    def __init__(
        self,
        model: Model,
        network: Path,
        plan: Plan | None = None,
        calibrate: Calibrate | None = None,
        load: Callable[[Path], Model] = _load,
    ) -> None:
        self._model, self._network, self._plan = model, network, plan or Plan()
        self._calibrate, self._load = calibrate or run_process, load
        self.labels, self.input_size = model.labels, model.input_size
        self._analysed: queue.Queue[Frame] = queue.Queue(maxsize=1)
        self._due_at = time.monotonic() + self._plan.seconds_between
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="int8", daemon=True)
        self._thread.start()

    @property
    def info(self) -> ModelInfo:
        """Return how the current network runs."""
        if isinstance(self._model, DescribedModel):
            return self._model.info
        return ModelInfo("openvino", CPU, "float32")

    def submit(self, frame: Frame) -> Future[Detections]:
        """Start an inference by the current network."""
        future = self._model.submit(frame)
        if time.monotonic() >= self._due_at:
            self._due_at = time.monotonic() + self._plan.seconds_between
            future.add_done_callback(lambda done: self._offer(frame, done))
        return future

    def detect(self, frame: Frame) -> Detections:
        """Call `submit` and wait for the result."""
        return self.submit(frame).result()

    def close(self) -> None:
        """Close the model and stop the calibration."""
        self._stopping.set()
        self._thread.join(10.0)
        self._model.close()

    def _offer(self, frame: Frame, done: Future[Detections]) -> None:
        """Queue the frame: this is a thread of the runtime, so the frame is encoded in another one."""
        if done.cancelled() or done.exception() is not None:
            return
        with contextlib.suppress(queue.Full):
            self._analysed.put_nowait(frame)

    def _run(self) -> None:
        try:
            for _ in range(self._plan.attempts):
                frames, sizes = self._gather()
                if self._stopping.is_set():
                    return
                log.info("making an INT8 network of %s on %d frames", self._network, len(frames))
                verdict = self._calibrate(self._network, frames, self._stopping)
                if verdict is None:
                    return
                if verdict.accepted is not None:
                    self._apply(verdict, sizes)
                    return
                log.info("no decision about INT8 for %s: %s; gathering other frames", self._network, verdict.reason)
            log.info("keeping float32 for %s until the next start: too few objects to compare", self._network)
        except Exception:
            log.exception("keeping float32 for %s: the change to INT8 failed", self._network)
        finally:
            self._due_at = float("inf")

    def _gather(self) -> tuple[list[bytes], set[tuple[int, int]]]:
        jpegs: list[bytes] = []
        sizes: set[tuple[int, int]] = set()
        while len(jpegs) < self._plan.frames and not self._stopping.is_set():
            try:
                frame = self._analysed.get(timeout=0.5)
            except queue.Empty:
                continue
            sizes.add(frame.full_size)
            jpegs.append(_encode_frame(frame, self.input_size))
        return jpegs, sizes

    def _apply(self, verdict: Verdict, sizes: set[tuple[int, int]]) -> None:
        if not verdict.accepted:
            log.info("keeping float32 for %s: %s", self._network, verdict.reason)
            return
        model = self._load(int8_folder(self._network) / "network.xml")
        if isinstance(model, OpenVinoModel):
            for width, height in sizes:  # compile it before the first frame needs it
                model.prepare(width, height)
        # A single assignment, so each frame uses one network or the other. The old one is freed after its last frame.
        self._model = model
        log.info("using INT8 for %s: %s", self._network, verdict.reason)


def run_process(
    network: Path,
    jpegs: list[bytes],
    stopping: threading.Event,
    limits: Limits | None = None,
    rest: float = REST,
) -> Verdict | None:
    """Run `cctv.detectors.int8_process`; ends it when `stopping` is set or it takes too long."""
    command = [sys.executable, "-m", "cctv.detectors.int8_process", str(network)]
    command += ["--limits", json.dumps(asdict(limits or Limits())), "--rest", str(rest)]
    pipe = subprocess.PIPE
    # A session of its own, so that Ctrl-C reaches only this process; the child ends when its stdin is closed.
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True) as process:
        try:
            return _verdict_of(process, network, jpegs, stopping)
        finally:
            process.kill()


def _verdict_of(
    process: "subprocess.Popen[bytes]", network: Path, jpegs: list[bytes], stopping: threading.Event
) -> Verdict | None:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        write_frames(process.stdin, jpegs)
    except BrokenPipeError:
        process.wait()
    deadline = time.monotonic() + _TIME_LIMIT_SECONDS
    while process.poll() is None:
        if stopping.wait(0.5):
            return None
        if time.monotonic() > deadline:
            log.warning("keeping float32 for %s: calibration took over %d s", network, _TIME_LIMIT_SECONDS)
            return None
    if process.returncode != 0:
        last = process.stderr.read().decode(errors="replace").strip().splitlines()[-1:]
        why = last[0] if last else f"exit status {process.returncode}"
        log.warning("keeping float32 for %s: no INT8 network could be made: %s", network, why)
        return None
    return Verdict(**json.loads(process.stdout.read()))


def _encode_frame(frame: Frame, input_size: tuple[int, int]) -> bytes:
    """Return the frame as JPEG at the network's input size; a larger one is not needed."""
    box = Letterbox.fit((frame.width, frame.height), input_size)
    return encode_jpeg(frame.scaled_bgr(box.width, box.height), _JPEG_QUALITY)
