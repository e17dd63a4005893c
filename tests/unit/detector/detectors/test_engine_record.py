"""An engine runs where it was built, or is refused with what differs and the command that rebuilds it."""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cctv.config import load_settings
from cctv.detectors import exporting, ultralytics_runtime
from cctv.detectors.engine_record import (
    EngineHost,
    engine_precision,
    engine_problem,
    probe_host,
    read_record,
    record_path,
)
from cctv.detectors.errors import DeviceUnavailableError, ModelInvalidError
from cctv.detectors.model import DEFAULT_BATCH_SIZE

BUILT = EngineHost(gpu="NVIDIA L4", compute_capability="8.9", driver="580.95.05", tensorrt="10.16.1.11")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"gpu": "NVIDIA L40S"}, "built for GPU NVIDIA L4, and this is NVIDIA L40S"),
        ({"compute_capability": "9.0"}, "built for compute capability 8.9, and this is 9.0"),
        ({"tensorrt": "10.15.1.29"}, "built for TensorRT version 10.16.1.11, and this is 10.15.1.29"),
        ({"driver": "570.133.20"}, "built with driver 580.95.05, and the older 570.133.20 is in use here"),
    ],
)
def test_each_difference_is_named(change: dict[str, str], words: str) -> None:
    assert words in (engine_problem(BUILT, replace(BUILT, **change)) or "")


@pytest.mark.parametrize(
    "found",
    [
        BUILT,
        replace(BUILT, driver="590.10"),
        replace(BUILT, driver="580.65.06"),
        replace(BUILT, driver=""),
        EngineHost(),
    ],
)
def test_same_host_newer_driver_and_unknown_facts_are_accepted(found: EngineHost) -> None:
    assert engine_problem(BUILT, found) is None
    assert engine_problem(EngineHost(), found) is None


def test_record_lies_beside_the_engine(tmp_path: Path) -> None:
    engine = tmp_path / "yard.engine"
    assert read_record(engine) is None
    record_path(engine).write_text(BUILT.to_json())
    assert [path.name for path in tmp_path.iterdir()] == ["yard.engine.json"]
    assert read_record(engine) == BUILT
    record_path(engine).write_text(json.dumps({"gpu": "NVIDIA L4", "added_later": "x"}))
    assert read_record(engine) == EngineHost(gpu="NVIDIA L4")


@pytest.mark.parametrize("text", ["", "[]", '{"gpu": 4}', "\N{NULL}"])
def test_broken_record_is_named(tmp_path: Path, text: str) -> None:
    engine = tmp_path / "yard.engine"
    record_path(engine).write_text(text)
    with pytest.raises(ModelInvalidError, match=r"yard\.engine\.json: not a record of an engine .*; delete it, or"):
        read_record(engine)


def engine_file(path: Path, arguments: dict[str, Any] | None) -> Path:
    """Write what ultralytics writes: a header, if there is one, and the engine."""
    header = b"" if arguments is None else json.dumps({"names": {}, "args": arguments}).encode()
    path.write_bytes((len(header).to_bytes(4, "little") if header else b"") + header + b"ftrt\xf0\x00engine")
    return path


@pytest.mark.parametrize(
    ("arguments", "precision"),
    [
        ({"quantize": 8, "batch": 1}, "int8"),
        ({"quantize": 16}, "float16"),
        ({"quantize": None}, "float32"),
        ({"quantize": "w8a16"}, ""),
        ({"int8": True, "half": False}, "int8"),
        ({"int8": False, "half": True}, "float16"),
        ({"batch": 1}, ""),
        (None, ""),
    ],
)
def test_precision_is_what_the_engine_says(tmp_path: Path, arguments: dict[str, Any] | None, precision: str) -> None:
    assert engine_precision(engine_file(tmp_path / "yard.engine", arguments)) == precision


def test_empty_engine_has_no_precision(tmp_path: Path) -> None:
    (tmp_path / "yard.engine").write_bytes(b"")
    assert engine_precision(tmp_path / "yard.engine") == ""


def torch_with(gpu: str, capability: tuple[int, int]) -> Any:
    """Only the questions that are asked of torch.cuda."""
    return SimpleNamespace(
        cuda=SimpleNamespace(get_device_name=lambda _: gpu, get_device_capability=lambda _: capability)
    )


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorRT and NVML as they would be on the machine of BUILT; `is_here` of torch answers for the GPU."""
    nvml = SimpleNamespace(
        nvmlInit=lambda: None, nvmlShutdown=lambda: None, nvmlSystemGetDriverVersion=lambda: BUILT.driver
    )
    monkeypatch.setitem(sys.modules, "tensorrt", SimpleNamespace(__version__=BUILT.tensorrt))
    monkeypatch.setitem(sys.modules, "pynvml", nvml)


@pytest.mark.usefixtures("installed")
def test_host_is_asked_for_what_the_record_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert probe_host(torch_with("NVIDIA L4", (8, 9)), 0) == BUILT
    monkeypatch.setitem(sys.modules, "pynvml", None)  # cannot be imported
    assert probe_host(torch_with("NVIDIA L4", (8, 9)), 0) == replace(BUILT, driver="")


@pytest.mark.usefixtures("installed")
def test_engine_of_another_gpu_is_refused_before_it_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_file(tmp_path / "yard.engine", {"quantize": 8})
    record_path(engine).write_text(BUILT.to_json())
    torch = torch_with("NVIDIA H200", (9, 0))
    monkeypatch.setattr(ultralytics_runtime, "import_ultralytics", lambda _: (torch, None))
    monkeypatch.setattr(ultralytics_runtime, "_usable_device", lambda *_: "cuda:0")
    with pytest.raises(ModelInvalidError) as caught:
        ultralytics_runtime.UltralyticsModel(engine, "cuda")
    assert not isinstance(caught.value, DeviceUnavailableError)
    assert "built for GPU NVIDIA L4, and this is NVIDIA H200" in str(caught.value)
    assert "`cctv export yard.pt --sha256 HEX --calibrate CLIP --format tensorrt`" in str(caught.value)


def test_engine_is_refused_on_a_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_file(tmp_path / "yard.engine", None)
    monkeypatch.setattr(ultralytics_runtime, "import_ultralytics", lambda _: (None, None))
    with pytest.raises(ModelInvalidError, match=r"runs on an NVIDIA GPU only; use a \.pt file with device cpu"):
        ultralytics_runtime.UltralyticsModel(engine, "cpu")


@pytest.mark.parametrize(
    ("precision", "arguments", "problem"),
    [
        ("float16", {"quantize": 8}, "yard.engine was built with int8; leave the precision out"),
        ("float32", {"quantize": 16}, "yard.engine was built with float16; leave the precision out"),
        ("bfloat16", {"quantize": 8}, "precision bfloat16: needs runtime openvino"),
    ],
)
def test_engine_cannot_change_its_precision(
    tmp_path: Path, precision: str, arguments: dict[str, Any], problem: str
) -> None:
    engine = engine_file(tmp_path / "yard.engine", arguments)
    with pytest.raises(ModelInvalidError, match=problem):
        ultralytics_runtime._is_half(engine, "cuda:0", precision)
    assert ultralytics_runtime._is_half(engine, "cuda:0", "auto") is (arguments["quantize"] == 16)


@pytest.mark.parametrize(
    ("version", "words"),
    [
        (None, 'TensorRT is not installed; run: pip install "tensorrt-cu13>=10.15,<11"$'),
        ("11.4.0.106", 'TensorRT 11.4.0.106 cannot calibrate INT8 .*; run: pip install "tensorrt-cu13>=10.15,<11"'),
    ],
)
def test_export_names_the_tensorrt_that_it_needs(version: str | None, words: str) -> None:
    assert re.search(words, exporting.tensorrt_problem(version) or "")
    assert exporting.tensorrt_problem("10.16.1.11") is None


def test_default_batch_size_is_the_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIL_TOKEN", "t")
    assert load_settings().model_batch_size == DEFAULT_BATCH_SIZE
