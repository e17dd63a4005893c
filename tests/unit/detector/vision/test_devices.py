"""A configured device is used, or rejected with cause and remedy; there is no silent fallback."""

import importlib.util
from pathlib import Path

import pytest

from cctv.detectors import model_pool
from cctv.detectors.cuda import CudaFacts, cuda_problem, is_built_for
from cctv.detectors.devices import checked_device, openvino_device
from cctv.detectors.errors import DeviceUnavailableError, ModelInvalidError
from cctv.detectors.loader import load_model
from cctv.detectors.model_files import find_model, runtime_problem
from vigil_contracts.names import Reason

ARCHITECTURES = ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120")
RIGHT = CudaFacts("13.2", count=1, capability=(8, 9), architectures=ARCHITECTURES)


@pytest.mark.parametrize("runtime", ["openvino", "ultralytics"])
@pytest.mark.parametrize(
    ("device", "hint"),
    [
        ("GPU", "use cuda \\(NVIDIA\\) or intel-gpu"),
        ("CUDA:0", "use cuda:0"),
        ("CPU", "use cpu"),
        ("xpu", "use intel-gpu"),
        ("rocm", "use cuda, with a ROCm build of torch"),
        ("0", "use cpu, cuda, cuda:1, intel-gpu, npu or auto"),
        ("cuda:", "use cpu, cuda, cuda:1"),
        ("cuda:-1", "use cpu, cuda, cuda:1"),
        ("abacus", "use cpu, cuda, cuda:1"),
    ],
)
def test_unknown_device_is_rejected(device: str, hint: str, runtime: str) -> None:
    with pytest.raises(DeviceUnavailableError, match=rf"device '{device}': no such device; {hint}") as caught:
        checked_device(device, runtime)
    assert caught.value.reason is Reason.DEVICE_UNAVAILABLE


def test_default_devices() -> None:
    assert checked_device("", "openvino") == "cpu"
    assert checked_device("", "ultralytics") == "auto"
    assert [checked_device(name, "ultralytics") for name in ("cuda", "cuda:3", "cpu")] == ["cuda", "cuda:3", "cpu"]


@pytest.mark.parametrize(
    ("device", "runtime", "words"),
    [
        ("cuda", "openvino", "device cuda: needs runtime ultralytics"),
        ("cuda:1", "openvino", "device cuda:1: needs runtime ultralytics"),
        ("intel-gpu", "ultralytics", "device intel-gpu: needs runtime openvino"),
        ("npu", "ultralytics", "device npu: needs runtime openvino"),
    ],
)
def test_a_device_of_another_runtime_names_the_right_one(device: str, runtime: str, words: str) -> None:
    with pytest.raises(DeviceUnavailableError, match=words):
        checked_device(device, runtime)


@pytest.mark.parametrize(
    ("device", "facts", "cause", "remedy"),
    [
        ("cuda", CudaFacts(None), "built without CUDA", "use the image vigil-detector-gpu"),
        ("cuda", CudaFacts("13.2", has_device_files=False), "no NVIDIA GPU", "set runtimeClassName: nvidia"),
        (
            "cuda",
            CudaFacts("13.2", error="The NVIDIA driver on your system is too old (found version 11040). Please …"),
            "too old for CUDA 13.2",
            "update it",
        ),
        ("cuda", CudaFacts("13.2", error="Found no NVIDIA driver on your system. …"), "does not start", "nvidia-smi"),
        ("cuda:1", CudaFacts("13.2", count=1), "the container has 1 GPUs", "use cuda:0"),
        (
            "cuda",
            CudaFacts("13.2", count=1, capability=(6, 1), architectures=ARCHITECTURES),
            "compute capability 6.1, and torch in this image has code for sm_75",
            "use another GPU",
        ),
        (
            "cuda",
            CudaFacts("13.2", count=1, capability=(8, 6), architectures=ARCHITECTURES, trial_error="ECC error"),
            "fails at a first computation",
            "nvidia-smi",
        ),
    ],
)
def test_each_cause_has_its_remedy(device: str, facts: CudaFacts, cause: str, remedy: str) -> None:
    problem = cuda_problem(device, facts) or ""
    assert cause in problem
    assert remedy in problem


def test_working_gpu_has_no_problem() -> None:
    assert cuda_problem("cuda", RIGHT) is None
    assert cuda_problem("cuda:0", RIGHT) is None


@pytest.mark.parametrize(
    ("capability", "architectures", "is_built"),
    [
        ((8, 9), ("sm_86",), True),
        ((8, 0), ("sm_86",), False),
        ((9, 0), ("sm_86",), False),
        ((10, 3), ("sm_100",), True),
        ((12, 1), ("sm_90", "compute_90"), True),
        ((8, 9), ("compute_90",), False),
        ((9, 0), ("sm_90a",), True),
        ((10, 3), ("sm_100a",), False),
        ((12, 0), ("compute_90a",), False),
        ((10, 3), ("sm_100f",), True),
        ((8, 7), ARCHITECTURES, True),
        ((7, 0), ARCHITECTURES, False),
        ((11, 0), ARCHITECTURES, False),
        ((9, 0), (), False),
    ],
)
def test_a_build_fits_gpus_of_its_generation(
    capability: tuple[int, int], architectures: tuple[str, ...], is_built: bool
) -> None:
    assert is_built_for(capability, architectures) is is_built


def test_openvino_uses_the_requested_device(tmp_path: Path) -> None:
    assert openvino_device("cpu", lambda: pytest.fail("this loads all plug-ins"), tmp_path) == "cpu"
    assert openvino_device("intel-gpu", lambda: ["CPU", "GPU.0", "GPU.1"], tmp_path) == "intel-gpu"
    assert openvino_device("auto", lambda: ["CPU", "GPU"], tmp_path) == "intel-gpu"
    assert openvino_device("auto", lambda: ["CPU"], tmp_path) == "cpu"


def test_openvino_reports_the_missing_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DeviceUnavailableError, match="this image lacks OpenVINO's plug-in for it"):
        openvino_device("intel-gpu", lambda: ["CPU"], tmp_path)
    (tmp_path / "libopenvino_intel_gpu_plugin.so").touch()
    monkeypatch.setattr(Path, "exists", lambda _: False)
    with pytest.raises(DeviceUnavailableError, match=r"there is no /dev/dri here; ask for gpu.intel.com/xe"):
        openvino_device("intel-gpu", lambda: ["CPU"], tmp_path)
    monkeypatch.setattr(Path, "exists", lambda _: True)
    with pytest.raises(DeviceUnavailableError, match=r"/dev/dri is here; install Intel's driver in the image"):
        openvino_device("intel-gpu", lambda: ["CPU"], tmp_path)


def test_gpu_out_of_memory_is_a_device_error() -> None:
    class OutOfMemoryError(RuntimeError):
        """As torch's is called."""

    def load(name: str, prompts: tuple[str, ...]) -> None:
        raise OutOfMemoryError("CUDA out of memory. Tried to allocate 20 MiB")

    models = model_pool.Models("yolov8n", device="cuda", load=load)  # type: ignore[arg-type]
    with pytest.raises(DeviceUnavailableError, match=r"device cuda: the GPU fails \(CUDA out of memory"):
        models.get("")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIGIL_MODEL_DIR", str(tmp_path))
    monkeypatch.setenv("VIGIL_MODEL_FETCH", "0")
    return tmp_path


def test_the_runtime_decides_which_file_of_a_name_is_used(folder: Path) -> None:
    export = folder / "yard_openvino_model"
    export.mkdir()
    (export / "yard.xml").touch()
    for suffix in (".pt", ".onnx", ".engine"):
        (folder / f"yard{suffix}").touch()
    assert find_model("yard", runtime="openvino").path == export / "yard.xml"
    assert find_model("yard", runtime="ultralytics").path == folder / "yard.engine"
    (folder / "yard.engine").unlink()
    assert find_model("yard", runtime="ultralytics").path == folder / "yard.pt"
    for suffix in (".pt", ".onnx"):
        (folder / f"yard{suffix}").unlink()
    with pytest.raises(ModelInvalidError, match=r"for runtime ultralytics put yard\.pt there"):
        find_model("yard", runtime="ultralytics")


@pytest.mark.parametrize(
    ("file", "runtime", "words"),
    [
        ("a.engine", "openvino", "an .engine needs runtime ultralytics"),
        ("a.xml", "ultralytics", "an OpenVINO network needs runtime openvino"),
        ("a.onnx", "ultralytics", "needs onnxruntime, which is not installed"),
        ("a.engine", "ultralytics", "needs tensorrt, which is not installed"),
    ],
)
def test_file_unsupported_by_the_runtime_is_rejected(
    file: str, runtime: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert words in (runtime_problem(Path(file), runtime) or "")


def test_engine_of_another_gpu_error_has_the_rebuild_command() -> None:
    class Engine:
        """Loads, and fails at the first inference, as ultralytics does."""

        path = Path("/models/yard.engine")

        def detect(self, frame: object) -> None:
            raise AttributeError("'NoneType' object has no attribute 'create_execution_context'")

    models = model_pool.Models("yard", load=lambda *_: Engine())  # type: ignore[arg-type]
    with pytest.raises(ModelInvalidError, match=r"rebuild it on this node with `cctv export yard\.pt .*tensorrt`"):
        models.get("")


def test_an_image_without_ultralytics_names_the_one_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cctv.detectors.loader._has_ultralytics", lambda: False)
    with pytest.raises(ModelInvalidError, match="use the image vigil-detector-gpu, or runtime openvino"):
        load_model("yolov8n", runtime="ultralytics", device="cuda")
