"""On which device the detectors of a class run the model and decode, by its own words and by the GPU it asks for.

A combination that cannot work is refused here, with the field and the right form, rather than in each pod.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

CPU, CUDA, INTEL_GPU, NPU, AUTO = "cpu", "cuda", "intel-gpu", "npu", "auto"
_DEVICE = re.compile(r"cpu|cuda(:[0-9]{1,2})?|intel-gpu|npu|auto")
_DEVICES_BY_DOMAIN = {"nvidia.com": CUDA, "gpu.intel.com": INTEL_GPU, "npu.intel.com": NPU}
"""The device that a resource's domain stands for. Others, such as amd.com, need a `device` and an image for it."""
_RUNTIME_OF = {CUDA: "ultralytics", INTEL_GPU: "openvino", NPU: "openvino"}


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """What a class says about it; empty where it says nothing."""

    runtime: str
    device: str = ""
    precision: str = ""
    decoder: str = ""
    resource_name: str = ""
    has_claim: bool = False


@dataclass(frozen=True, slots=True)
class Hardware:
    """What its detectors are told; `device` is empty where an inference server runs the model."""

    device: str
    decoder: str


@lru_cache(maxsize=64)
def hardware_for(request: DeviceRequest) -> Hardware:
    """Return the devices of a class, with what it leaves out filled in. Raises ValueError with the reason."""
    device = request.device or _default_device(request)
    if problem := _device_problem(request, device) or _precision_problem(request, device):
        raise ValueError(problem)
    return Hardware(device, request.decoder or _default_decoder(request, device))


def is_device(text: str) -> bool:
    """Return whether `text` is a device's name."""
    return _DEVICE.fullmatch(text) is not None


def _default_device(request: DeviceRequest) -> str:
    if request.runtime == "triton":
        return ""
    if request.has_claim:
        return CUDA if request.runtime == "ultralytics" else INTEL_GPU
    if not request.resource_name:
        return CPU
    domain = request.resource_name.partition("/")[0]
    if domain in _DEVICES_BY_DOMAIN:
        return _DEVICES_BY_DOMAIN[domain]
    if domain == "amd.com":
        raise ValueError(
            "gpu.resourceName: Vigil's images cannot use AMD GPUs; with an image of your own that has a ROCm build of"
            " torch, set device: cuda (ROCm's name of it)"
        )
    raise ValueError(
        f"device must be given for gpu.resourceName {request.resource_name}: cuda, intel-gpu, npu or cpu"
    )


def _device_problem(request: DeviceRequest, device: str) -> str | None:
    if request.runtime == "triton":
        return "device must be left out when runtime is triton: the server decides" if request.device else None
    needed = _RUNTIME_OF.get(device.partition(":")[0])
    if needed is None or needed == request.runtime:
        return None
    cause = f"device {device}" if request.device else f"gpu.resourceName {request.resource_name or '(a claim)'}"
    return f"runtime must be {needed} for {cause}, and is {request.runtime}"


def _precision_problem(request: DeviceRequest, device: str) -> str | None:
    if request.precision in {"", "auto", "float32"} and request.runtime != "triton":
        return None
    if request.runtime == "triton":
        asked = request.precision not in {"", "auto"}
        return "precision must be left out when runtime is triton: the server decides" if asked else None
    if request.precision == "float16" and device == CPU:
        return "precision float16 needs a GPU; leave it out, or use bfloat16 or float32 on a processor"
    if request.precision == "bfloat16" and (request.runtime, device) != ("openvino", CPU):
        return "precision bfloat16 needs runtime openvino and device cpu; use float16 on a GPU"
    return None


def _default_decoder(request: DeviceRequest, device: str) -> str:
    """NVDEC with an NVIDIA GPU; elsewhere the processor, since Vigil's images have no VAAPI and no Quick Sync."""
    if request.resource_name:
        return "nvdec" if request.resource_name.startswith("nvidia.com/") and device != CPU else "software"
    return "nvdec" if device.startswith(CUDA) else "software"
