"""Check whether torch can use an NVIDIA GPU here; if not, explain why and what to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_OLD_DRIVER = "too old"
_DEVICE_FILES = ("nvidiactl", "nvidia0", "nvidia-caps", "dxg", "nvhost-gpu")
"""In /dev: NVIDIA's driver, MIG, WSL, Jetson."""


@dataclass(frozen=True, slots=True)
class CudaFacts:
    """What torch and the machine report about CUDA."""

    built_for: str | None
    """CUDA version that torch was built with; None: a build without CUDA."""
    has_device_files: bool = True
    error: str = ""
    """Error of torch when it initialises CUDA; empty: none."""
    count: int = 0
    capability: tuple[int, int] | None = None
    """Compute capability of the chosen GPU."""
    architectures: Sequence[str] = ()
    """Architectures that torch was built for, such as `sm_86` and `compute_90`."""
    trial_error: str = ""
    """Error of a first computation on the GPU; empty: it works."""


def cuda_problem(device: str, facts: CudaFacts) -> str | None:
    """Return why `device` (`cuda` or `cuda:N`) is unusable, and the remedy; None if it is usable."""
    index = cuda_index(device)
    if facts.built_for is None:
        return "torch in this image was built without CUDA; use the image vigil-detector-gpu"
    if not facts.has_device_files:
        return (
            "the container has no NVIDIA GPU; ask for one (gpu.resourceName: nvidia.com/gpu), check that the device"
            " plug-in runs on the node, and set runtimeClassName: nvidia where that is not the node's default"
        )
    if _OLD_DRIVER in facts.error:
        return f"the node's driver is too old for CUDA {facts.built_for}; update it (torch: {_short(facts.error)})"
    if facts.error:
        return (
            "CUDA does not start; set runtimeClassName: nvidia where that is not the node's default, and check the"
            f" node with nvidia-smi (torch: {_short(facts.error)})"
        )
    if index >= facts.count:
        return f"the container has {facts.count} GPUs, and their numbers begin with 0; use cuda:0, or ask for more"
    if facts.capability is not None and not is_built_for(facts.capability, facts.architectures):
        major, minor = facts.capability
        return (
            f"the GPU has compute capability {major}.{minor}, and torch in this image has code for"
            f" {', '.join(facts.architectures)}; use another GPU, or an image with an older torch"
        )
    if facts.trial_error:
        return f"the GPU fails at a first computation; check it with nvidia-smi (torch: {_short(facts.trial_error)})"
    return None


def cuda_index(device: str) -> int:
    """Return the index of the GPU in `cuda` or `cuda:N`."""
    return int(device.partition(":")[2] or 0)


def is_built_for(capability: tuple[int, int], architectures: Sequence[str]) -> bool:
    """Return whether a build supports a GPU.

    Binary code (`sm_86`) runs on GPUs of the same major version and the same or a higher minor one; `compute_90` is
    compiled at load time for that and any newer GPU (CUDA C++ Programming Guide, "Compute Capability"). With the
    suffix `a` (`sm_90a`) either is for exactly that compute capability ("Architecture-Specific Features").
    """
    for architecture in architectures:
        kind, _, digits = architecture.rstrip("abcdefghijklmnopqrstuvwxyz").partition("_")
        if not digits.isdigit():
            continue
        version = int(digits[:-1]), int(digits[-1])
        if architecture.endswith("a"):
            if version == capability:
                return True
            continue
        if kind == "sm" and version[0] == capability[0] and version[1] <= capability[1]:
            return True
        if kind == "compute" and version <= capability:
            return True
    return False


def probe_cuda(torch: Any, device: str, dev: Path = Path("/dev")) -> CudaFacts:
    """Query torch and try a computation. Never raises."""
    built_for = torch.version.cuda or getattr(torch.version, "hip", None)
    has_files = any((dev / name).exists() for name in _DEVICE_FILES)
    is_rocm = bool(getattr(torch.version, "hip", None))
    if built_for is None or (not has_files and not is_rocm):
        return CudaFacts(built_for, has_files)
    try:
        torch.cuda.init()
        count = int(torch.cuda.device_count())
    except Exception as error:  # noqa: BLE001 - torch raises whatever the driver makes of it
        return CudaFacts(built_for, error=str(error) or type(error).__name__)
    index = cuda_index(device)
    if index >= count:
        return CudaFacts(built_for, count=count)
    capability = None if is_rocm else tuple(torch.cuda.get_device_capability(index))
    return CudaFacts(
        built_for, True, "", count, capability, torch.cuda.get_arch_list(), _computation_problem(torch, index)
    )


def _computation_problem(torch: Any, index: int) -> str:
    try:
        torch.ones(8, device=f"cuda:{index}").sum().item()
    except Exception as error:  # noqa: BLE001 - as above
        return str(error) or type(error).__name__
    return ""


def _short(text: str) -> str:
    """Return the first sentence of torch's long messages."""
    first = " ".join(text.split()).partition(". ")[0]
    return first[:200]
