"""The devices that models run on, as named by a DetectorClass: `cpu`, `cuda[:N]`, `intel-gpu`, `npu`, `auto`.

A configured device is used or rejected with an error, never replaced silently. Only `auto` selects a device.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from cctv.detectors.errors import DeviceUnavailableError

CPU, CUDA, INTEL_GPU, NPU, AUTO = "cpu", "cuda", "intel-gpu", "npu", "auto"
_CUDA_DEVICE = re.compile(r"cuda(:[0-9]{1,2})?")
_MEANT = {"gpu": "cuda (NVIDIA) or intel-gpu", "xpu": INTEL_GPU, "rocm": "cuda, with a ROCm build of torch"}
OPENVINO_NAMES = {CPU: "CPU", INTEL_GPU: "GPU", NPU: "NPU"}
"""OpenVINO's own names."""
_PLUGINS = {
    INTEL_GPU: ("libopenvino_intel_gpu_plugin.so", "/dev/dri", "gpu.intel.com/xe or gpu.intel.com/i915"),
    NPU: ("libopenvino_intel_npu_plugin.so", "/dev/accel", "npu.intel.com/accel"),
}
"""For each device: OpenVINO's plug-in, the kernel's device file, and the resource that a pod requests."""


def checked_device(text: str, runtime: str) -> str:
    """Return `text` if the runtime supports this device; the runtime's default if it is empty.

    `runtime` is `openvino` (default `cpu`) or `ultralytics` (default `auto`). Raises `DeviceUnavailableError`.
    """
    if not text:
        return CPU if runtime == "openvino" else AUTO
    if text not in {CPU, INTEL_GPU, NPU, AUTO} and not _CUDA_DEVICE.fullmatch(text):
        lower = text.lower()
        hint = lower if lower == CPU or _CUDA_DEVICE.fullmatch(lower) else _MEANT.get(lower)
        raise DeviceUnavailableError(
            f"device {text!r}: no such device; use {hint or 'cpu, cuda, cuda:1, intel-gpu, npu or auto'}"
        )
    if runtime == "openvino" and text.startswith(CUDA):
        raise DeviceUnavailableError(
            f"device {text}: needs runtime ultralytics; OpenVINO runs on cpu, intel-gpu or npu"
        )
    if runtime == "ultralytics" and text in {INTEL_GPU, NPU}:
        raise DeviceUnavailableError(f"device {text}: needs runtime openvino; ultralytics runs on cpu or cuda")
    return text


def openvino_device(device: str, list_devices: Callable[[], Iterable[str]], libraries: Path) -> str:
    """Return the device for OpenVINO, with `auto` resolved. Raises `DeviceUnavailableError`.

    `list_devices`: returns the devices that OpenVINO detects, such as `CPU` or `GPU.0`; not called for `cpu`.
    `libraries`: the folder of its plug-ins.
    """
    if device == CPU:
        return device
    found = {name.partition(".")[0] for name in list_devices()}
    if device == AUTO:
        return INTEL_GPU if OPENVINO_NAMES[INTEL_GPU] in found else CPU
    if OPENVINO_NAMES[device] in found:
        return device
    plugin, node, resource = _PLUGINS[device]
    if not (libraries / plugin).is_file():
        why = f"this image lacks OpenVINO's plug-in for it ({plugin}); use an image that has it"
    elif not Path(node).exists():
        why = f"there is no {node} here; ask for {resource} in the DetectorClass, and check its device plug-in"
    else:
        why = f"OpenVINO finds none, though {node} is here; install Intel's driver in the image, and allow its use"
    raise DeviceUnavailableError(f"device {device}: {why}, or set device: cpu")
