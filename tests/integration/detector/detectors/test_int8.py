"""A float32 network is quantised on the frames of a clip and used only if it agrees."""

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import openvino as ov
import pytest
from tests.integration.detector.clips import PERSONS, RememberingModel, sampled

from cctv.common.frame import Frame
from cctv.detectors import int8_network, int8_process
from cctv.detectors.int8_process import write_frames
from cctv.detectors.int8_upgrade import run_process, with_int8
from cctv.detectors.int8_verdict import Limits, Verdict, int8_folder, processor_name, read_verdict
from cctv.detectors.openvino_head import can_cut
from cctv.detectors.openvino_network import Network, read_network, resize
from cctv.detectors.openvino_runtime import OpenVinoModel
from cctv.vision.analyser import Analyser
from vigil_contracts.camera import CameraConfiguration

ANY_COST = Limits(largest_cost=100.0, least_objects=6)
"""Makes agreement the only criterion: on a processor without VNNI, INT8 costs as much as float32."""
SMALL, USUAL = (320, 320), (640, 640)
"""Input sizes. The small one takes a quarter of the processor time."""
TURNS = 30
"""Of measurements, of which the fastest counts: what else runs on the machine slows others down, up to twofold."""
LARGEST_COST_OF_EXPORT = 1.15
"""Processor time of our INT8 network relative to NNCF's INT8 export of the same weights."""

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("int8")]


def _read(path: Path) -> Network:
    return read_network(ov.Core(), path)


def _to_float32(model: ov.Model) -> None:
    """Undo a quantisation: constant weights in float32, and no `FakeQuantize`."""
    for node in model.get_ordered_ops():
        if node.get_type_name() == "FakeQuantize":
            for consumer in node.output(0).get_target_inputs():
                consumer.replace_source_output(node.input_value(0))
        elif node.get_type_name() == "Convolution":
            weights = ov.Core().compile_model(ov.Model([node.input_value(1)], [], "weights"), "CPU")([])[0]
            node.input(1).replace_source_output(ov.opset13.constant(weights).output(0))
    model.validate_nodes_and_infer_types()


@pytest.fixture(scope="module")
def nncf(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the INT8 export by NNCF, with a small input."""
    path = tmp_path_factory.mktemp("nncf") / "network.xml"
    shutil.copyfile(model_folder / "metadata.yaml", path.with_name("metadata.yaml"))
    model = resize(_read(model_folder / "yolov8n.xml"), SMALL)
    ov.save_model(model, path, compress_to_fp16=False)
    return path


@pytest.fixture(scope="module")
def float32(nncf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the network of that export without its quantisation."""
    model = ov.Core().read_model(nncf)
    _to_float32(model)
    path = tmp_path_factory.mktemp("float32") / "network.xml"
    shutil.copyfile(nncf.with_name("metadata.yaml"), path.with_name("metadata.yaml"))
    ov.save_model(model, path, compress_to_fp16=False)
    return path


@pytest.fixture(scope="module")
def frames(shared: Path) -> list[Frame]:
    """Return two frames per second of the clip, decoded once."""
    return list(sampled(shared / "videos" / PERSONS, 2.0))


@pytest.fixture(scope="module")
def jpegs(frames: list[Frame]) -> list[bytes]:
    quality = [cv2.IMWRITE_JPEG_QUALITY, 95]
    return [cv2.imencode(".jpg", frame.bgr(), quality)[1].tobytes() for frame in frames[::5]]


@pytest.fixture(scope="module")
def verdict(float32: Path, jpegs: list[bytes]) -> Verdict:
    """Return the verdict of the real process."""
    verdict = run_process(float32, jpegs, threading.Event(), ANY_COST, rest=0.0)
    assert verdict is not None
    return verdict


def test_agreeing_int8_network_is_stored(float32: Path, verdict: Verdict) -> None:
    assert verdict.accepted, verdict.reason
    assert verdict.agreement is not None
    assert verdict.agreement["share"] >= 0.9
    assert read_verdict(float32, processor_name(ov.Core())) == verdict
    assert read_verdict(float32, "another processor") is None
    restarted = with_int8(float32, "cpu")
    assert isinstance(restarted, OpenVinoModel)
    assert restarted.path == int8_folder(float32) / "network.xml", "a restarted detector takes the kept one at once"
    weights = float32.with_suffix(".bin").stat().st_size, (int8_folder(float32) / "network.bin").stat().st_size
    assert weights[1] < 0.3 * weights[0]
    assert can_cut(ov.Core(), ov.Core().read_model(restarted.path)), "the sum in the head is not quantised"


def test_six_people_are_six_events_in_int8(
    float32: Path, verdict: Verdict, frames: list[Frame], camera: Callable[..., CameraConfiguration], tmp_path: Path
) -> None:
    """Uses the default input size: with the small one, even float32 misses people."""
    assert verdict.accepted
    small = int8_folder(float32) / "network.xml"
    shutil.copyfile(float32.with_name("metadata.yaml"), tmp_path / "metadata.yaml")
    ov.save_model(resize(_read(small), USUAL), tmp_path / "network.xml", compress_to_fp16=False)
    model = OpenVinoModel(tmp_path / "network.xml")
    analyser = Analyser(camera(classes=["person"]), RememberingModel(model, alike=3.0))
    events = [event for frame in frames for event in analyser.process(frame)]
    assert [event.label for event in events] == ["person"] * 6


def test_cost_equals_that_of_an_nncf_export(
    float32: Path, verdict: Verdict, nncf: Path, record_property: Callable[[str, object], None]
) -> None:
    """`pytest -s` prints the processor time of the three networks, measured alternately in one process."""
    assert verdict.accepted
    paths = {
        "float32": float32,
        "INT8": int8_folder(float32) / "network.xml",
        "INT8 by NNCF": nncf,
    }
    models = {name: OpenVinoModel(path) for name, path in paths.items()}
    turns = [{name: one.bare_cpu_seconds(768, 432, 1) for name, one in models.items()} for _ in range(TURNS)]
    fastest = {name: min(turn[name] for turn in turns) for name in models}
    ratio = fastest["INT8"] / fastest["float32"]
    milliseconds = ", ".join(f"{name} {seconds * 1e3:.0f} ms" for name, seconds in fastest.items())
    print(f"{milliseconds}; INT8 : float32 = {ratio:.2f}")
    record_property("int8_to_float32", ratio)
    assert fastest["INT8"] < LARGEST_COST_OF_EXPORT * fastest["INT8 by NNCF"]


def test_inaccurate_int8_network_is_rejected(
    float32: Path, jpegs: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Injects a bad calibration: inputs clipped to a tenth of their range."""
    for suffix in (".xml", ".bin"):
        (tmp_path / f"network{suffix}").symlink_to(float32.with_suffix(suffix))
    good = int8_network.quantise

    def bad(model: Any, ranges: dict[str, tuple[float, float]]) -> None:
        good(model, {name: (low / 10, high / 10) for name, (low, high) in ranges.items()})

    monkeypatch.setattr(int8_network, "quantise", bad)
    network = tmp_path / "network.xml"
    verdict = int8_process.make_int8(network, jpegs[::3], replace(ANY_COST, least_objects=2))
    assert verdict.accepted is False
    assert "of the objects" in verdict.reason
    assert read_verdict(network, processor_name(ov.Core())) == verdict
    restarted = with_int8(network, "cpu")
    assert isinstance(restarted, OpenVinoModel)
    assert restarted.path == network, "a refused network is not made again at each start"
    assert [path.name for path in int8_folder(network).iterdir()] == ["check.json"], "the bad network is not kept"


def test_the_process_ends_with_its_parent(float32: Path, jpegs: list[bytes]) -> None:
    command = [sys.executable, "-m", "cctv.detectors.int8_process", str(float32), "--rest", "50"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        write_frames(process.stdin, jpegs)
        time.sleep(0.5)
        assert process.poll() is None
        process.stdin.close()  # what the kernel does when the parent is killed
        assert process.wait(10) == 1


def test_the_process_ends_when_the_model_is_closed(float32: Path, jpegs: list[bytes]) -> None:
    stopping = threading.Event()
    threading.Timer(0.5, stopping.set).start()
    began = time.monotonic()
    assert run_process(float32, jpegs, stopping, rest=50.0) is None
    assert time.monotonic() - began < 10
