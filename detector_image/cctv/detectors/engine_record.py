"""What a TensorRT engine was built on, kept beside it, and whether it runs here.

TensorRT promises only that an engine runs with the version and on the GPU model that built it (NVIDIA TensorRT
documentation, "Version Compatibility" and "Hardware Compatibility"). Elsewhere it fails at the first inference, with
an error that names neither. So `cctv export` writes `<engine>.json`; an engine without one is tried as it is.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from cctv.detectors.errors import ModelInvalidError

UNTIL_TENSORRT = 11
"""TensorRT 11 has no calibrator for INT8; ultralytics then needs NVIDIA ModelOpt, which no lock of Vigil contains."""
INSTALL_TENSORRT = f'pip install "tensorrt-cu13>=10.15,<{UNTIL_TENSORRT}"'
_LARGEST_HEADER_BYTES = 1 << 20
_PRECISIONS = {8: "int8", 16: "float16", 32: "float32", None: "float32"}


@dataclass(frozen=True, slots=True)
class EngineHost:
    """The versions and the GPU that an engine depends on. An empty field is unknown and matches anything."""

    gpu: str = ""
    """NVIDIA's name of the model, such as `NVIDIA L4`."""
    compute_capability: str = ""
    driver: str = ""
    tensorrt: str = ""

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return what a record says. Raises `ValueError` for anything but an object of texts."""
        content = json.loads(text)
        if not isinstance(content, dict) or not all(isinstance(value, str) for value in content.values()):
            raise ValueError("must be an object of texts")
        return cls(**{key: content[key] for key in cls.__slots__ if key in content})

    def to_json(self) -> str:
        """Return the record's text."""
        return json.dumps(asdict(self), indent=1) + "\n"


def engine_problem(recorded: EngineHost, found: EngineHost) -> str | None:
    """Return why an engine that was built on `recorded` does not run on `found`; None: it should.

    A newer driver runs what an older one built (CUDA documentation, "CUDA Compatibility"), so only an older branch
    is refused.
    """
    for what, built, here in (
        ("GPU", recorded.gpu, found.gpu),
        ("compute capability", recorded.compute_capability, found.compute_capability),
        ("TensorRT version", recorded.tensorrt, found.tensorrt),
    ):
        if built and here and built != here:
            return f"it was built for {what} {built}, and this is {here}"
    branches = _branch(recorded.driver), _branch(found.driver)
    if branches[0] is not None and branches[1] is not None and branches[1] < branches[0]:
        return f"it was built with driver {recorded.driver}, and the older {found.driver} is in use here"
    return None


def record_path(engine: Path) -> Path:
    """Return the place of an engine's record."""
    return engine.with_name(f"{engine.name}.json")


def read_record(engine: Path) -> EngineHost | None:
    """Return what is recorded beside an engine; None: nothing. Raises `ModelInvalidError` if it cannot be read."""
    path = record_path(engine)
    if not path.is_file():
        return None
    try:
        return EngineHost.from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelInvalidError(
            f"{path}: not a record of an engine ({error}); delete it, or build the engine again with `cctv export`"
        ) from error


def probe_host(torch: Any, index: int) -> EngineHost:
    """Return what this machine has, for GPU number `index` of torch."""
    import tensorrt

    capability = torch.cuda.get_device_capability(index)
    return EngineHost(
        gpu=torch.cuda.get_device_name(index),
        compute_capability=".".join(map(str, capability)),
        driver=_driver_version(),
        tensorrt=str(tensorrt.__version__),
    )


def engine_precision(engine: Path) -> str:
    """Return `int8`, `float16` or `float32`, as ultralytics' header in the file says; empty: it does not say.

    The header is the length of a JSON text in 4 bytes, little-endian, and that text.
    """
    with engine.open("rb") as file:
        length = int.from_bytes(file.read(4), "little")
        if not 0 < length <= _LARGEST_HEADER_BYTES:
            return ""
        try:
            header = json.loads(file.read(length))
        except ValueError:  # the engine itself, with no header
            return ""
    arguments = header.get("args") if isinstance(header, dict) else None
    return _precision_of(arguments) if isinstance(arguments, dict) else ""


def _precision_of(arguments: dict[str, Any]) -> str:
    if "quantize" in arguments:
        return _PRECISIONS.get(arguments["quantize"], "")
    if "int8" in arguments or "half" in arguments:  # of ultralytics before 8.4
        return "int8" if arguments.get("int8") else "float16" if arguments.get("half") else "float32"
    return ""


def _branch(driver: str) -> int | None:
    first = driver.partition(".")[0]
    return int(first) if first.isdigit() else None


def _driver_version() -> str:
    """Return the driver's version, such as `580.95.05`; empty where NVML does not tell."""
    try:
        import pynvml

        pynvml.nvmlInit()
        try:
            version = pynvml.nvmlSystemGetDriverVersion()
        finally:
            pynvml.nvmlShutdown()
    except Exception:  # noqa: BLE001 - NVML's library is missing or refuses: the other facts are compared alone
        return ""
    return version.decode() if isinstance(version, bytes) else str(version)
