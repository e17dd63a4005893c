"""Remove parts of installed packages that an image does not need, each with the reason."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tools.image.unused_cuda import UNUSED as UNUSED_CUDA

COMMON = {
    "**/*.pyi": "for type checkers",
    "*/tests": "packages' own tests",
    "*/*/tests": "packages' own tests",
    "pydantic/v1": "Pydantic 1 for programs that still use it",
    "pip": "nothing is installed into a running image",
    "pip-*": "as above",
    "setuptools": "as above",
    "setuptools-*": "as above",
    "_distutils_hack": "as above",
    "distutils-precedence.pth": "as above",
    "pkg_resources": "as above",
}
_SCRIPTS = ("pip*", "activate*", "Activate.ps1")
"""In the environment's bin: scripts of pip, which is not installed, and for a shell, which the images lack."""

_OTHER = "another program of the same distribution"
OPERATOR_IMAGE = {
    "cctv": _OTHER,
    "surveillance": _OTHER,
    "surveillance_backend": _OTHER,
    "vigil_apps": _OTHER,
    "vigil_demo": _OTHER,
    "vigil_standalone": _OTHER,
    "vigil_transfer": _OTHER,
}
BACKEND_IMAGE = {
    "cctv": _OTHER,
    "vigil_operator": _OTHER,
    "vigil_demo": _OTHER,
    "vigil_standalone": _OTHER,
    "vigil_transfer": _OTHER,
}
DETECTOR_IMAGE = {
    "vigil_operator": _OTHER,
    "surveillance": _OTHER,
    "surveillance_backend": _OTHER,
    "vigil_apps": _OTHER,
    "vigil_standalone": _OTHER,
    "vigil_transfer": _OTHER,
}
COMPILED_PACKAGES = {
    "yaml/_yaml.*": "PyYAML's parser in C; what is read is small, and the one in Python does",
    "av/*.pyx": "sources of what is compiled",
    "av/*/*.pyx": "as above",
    "av/*.pxd": "as above",
    "av/*/*.pxd": "as above",
    "av/include": "for compiling against it",
    "numpy/_core/include": "as above",
    "numpy/_core/lib": "as above",
    "numpy/_core/_simd.*": "for numpy's own tests",
    "numpy/_core/_*_tests.*": "as above",
    "numpy/f2py": "compiles Fortran",
    "numpy/distutils": "as above",
}
OPENVINO_CPU = {
    **DETECTOR_IMAGE,
    "openvino/libs/libopenvino_intel_gpu_plugin.so": "the detector of this image runs on the processor",
    "openvino/libs/libopenvino_intel_npu_plugin.so": "as above",
    "openvino/libs/cache.json": "kernels of the GPU plug-in",
    "openvino/libs/libopenvino_tensorflow_frontend.*": "models are OpenVINO's own or ONNX",
    "openvino/libs/libopenvino_tensorflow_lite_frontend.*": "as above",
    "openvino/libs/libopenvino_pytorch_frontend.*": "as above",
    "openvino/libs/libopenvino_paddle_frontend.*": "as above",
    "openvino/libs/libopenvino_jax_frontend.*": "as above",
    "openvino/libs/libopenvino_gguf_frontend.*": "as above",
    "openvino/include": "for compiling against it",
    "openvino/cmake": "as above",
    "openvino/libs/libopenvino_c.so*": "for programs in C",
    "openvino/tools": "converts models, which is done elsewhere",
    "openvino/frontend/[jpt]*": "as above: for JAX, Paddle, PyTorch and TensorFlow",
    "openvino/torch": "as above",
    "openvino/libs/libopenvino_hetero_plugin.so": "one device runs the whole network",
    "openvino/libs/libopenvino_auto_batch_plugin.so": "as above",
    "openvino/libs/pkgconfig": "as above",
    **COMPILED_PACKAGES,
}
PROFILES: Mapping[str, Mapping[str, str]] = {
    "backend": BACKEND_IMAGE,
    "operator": OPERATOR_IMAGE,
    "openvino-cpu": OPENVINO_CPU,
    "ultralytics": {**DETECTOR_IMAGE, **COMPILED_PACKAGES, **UNUSED_CUDA},
}

_SHARED = re.compile(r"(?P<name>lib(?:av(?:codec|format|util)|sw[a-z]+|gfortran|quadmath))-.+\.so\.(?P<major>\d+)")


def prune(packages: Path, profile: str) -> None:
    """Remove the paths of COMMON and the profile from a site-packages folder, and scripts beside it."""
    for pattern in _SCRIPTS:
        for script in (packages.parents[2] / "bin").glob(pattern):
            script.unlink()
    for pattern in {**COMMON, **PROFILES[profile]}:
        for path in packages.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    if profile in {"openvino-cpu", "ultralytics"}:
        _share_libraries(packages)


def _share_libraries(packages: Path) -> None:
    """Replace OpenCV's FFmpeg and Fortran libraries by links to PyAV's and numpy's of the same ABI version.

    Each wheel contains its own copy: 30 MB on disk, and in memory once loaded. What the shared libraries depend on is
    linked too: the loader looks for it beside the link, so `import cv2` would fail unless PyAV was imported
    before. Libraries that only OpenCV's own FFmpeg needed are removed.
    """
    wheels = [*(packages / "av.libs").glob("lib*.so.*"), *(packages / "numpy.libs").glob("lib*.so.*")]
    ours = {_version(file): file for file in wheels if _version(file)}
    folder = packages / "opencv_python_headless.libs"
    for file in sorted(folder.glob("lib*.so.*")):
        twin = ours.get(_version(file))
        if twin is not None:
            file.unlink()
            file.symlink_to(_beside(twin))
    for file in wheels:
        if not (folder / file.name).exists():
            (folder / file.name).symlink_to(_beside(file))
    needed = _needed([packages / "cv2" / "cv2.abi3.so"], folder)
    for file in folder.glob("lib*.so*"):
        if file.name not in needed:
            file.unlink()


def _beside(library: Path) -> Path:
    return Path("..") / library.parent.name / library.name


def _version(file: Path) -> tuple[str, str] | None:
    found = _SHARED.match(file.name)
    return (found["name"], found["major"]) if found else None


def _needed(roots: list[Path], folder: Path) -> set[str]:
    """Return the names of the libraries in `folder` that the roots load, directly or indirectly."""
    seen: set[str] = set()
    waiting = list(roots)
    while waiting:
        answer = subprocess.run(["ldd", str(waiting.pop())], check=True, capture_output=True, text=True).stdout
        for name in re.findall(r"^\s*(\S+)", answer, re.MULTILINE):
            if name not in seen and (folder / name).exists():
                seen.add(name)
                waiting.append(folder / name)
    return seen
