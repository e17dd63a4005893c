"""What the GPU image leaves out of PyTorch, CUDA and ultralytics, each with its reason.

Three kinds of files go: those for compiling, those that no kept library names, and those that are loaded on demand
(`dlopen`, or a Python import inside a function) for work that detection never does. A library that a kept library is
linked to (`DT_NEEDED`) stays even if detection never calls it, such as NCCL, cuSPARSELt, NVSHMEM and cuFFT.
"""

from collections.abc import Mapping

COMPILERS: Mapping[str, str] = {
    "triton": "compiles kernels for torch.compile, and needs a C compiler for it, which the image lacks",
    "triton-*": "as above",
    "nvidia/*/include": "for compiling against CUDA",
    "torch/include": "for compiling against PyTorch",
    "torch/share": "as above",
    "torch/bin/protoc*": "the compiler of Protocol Buffers",
    "nvidia/*/lib/*.a": "for static linking",
    "nvidia/nvshmem/lib/*.bc": "for compiling kernels that use NVSHMEM",
}

OTHER_LIBRARIES: Mapping[str, str] = {
    "nvidia/cu13/lib/libcusolverMg.so.*": "linear algebra on several GPUs; no other library names it",
    "nvidia/cu13/lib/libcufftw.so.*": "FFTW's interface to cuFFT; no other library names it",
    "nvidia/cu13/lib/libnvblas.so.*": "replaces the BLAS of other programs; no other library names it",
    "nvidia/cu13/lib/libcufile_rdma.so.*": "storage over InfiniBand, whose libraries the image lacks",
    "nvidia/cu13/lib/libnvperf_*.so": "counters for profiling; CUPTI loads them on demand",
    "nvidia/cu13/lib/libpcsamplingutil.so": "profiling",
    "nvidia/cu13/lib/libcheckpoint.so": "profiling: repeats a kernel",
    "nvidia/nvshmem/lib/nvshmem_bootstrap_*": "several processes with one memory; NVSHMEM loads them on demand",
    "nvidia/nvshmem/lib/nvshmem_transport_*": "as above",
}

LOADED_ON_DEMAND: Mapping[str, str] = {
    "torch/lib/libtorch_cuda_linalg.so": "torch.linalg on the GPU, which PyTorch loads at its first use",
    "nvidia/cu13/lib/libcusolver.so.*": "only torch.linalg on the GPU is linked to it",
    "nvidia/cu13/lib/libnvJitLink.so.*": "cuSOLVER is linked to it; others load it for sparse products and callbacks",
    "nvidia/cudnn/lib/libcudnn_adv.so.*": "recurrent networks, CTC and the former attention functions of cuDNN",
}

TRAINING: Mapping[str, str] = {
    "polars": "tables of training results; ultralytics imports it when it writes one",
    "polars-*": "as above",
    "_polars_runtime_32": "as above",
    "polars_runtime_32-*": "as above",
    "fontTools": "fonts in PDF files of plots; matplotlib imports it when it writes one",
    "fonttools-*": "as above",
}

OPENVINO: Mapping[str, str] = {
    "openvino/libs/libopenvino_intel_gpu_plugin.so": "this image is for NVIDIA GPUs; OpenVINO runs on the processor",
    "openvino/libs/libopenvino_intel_npu_plugin.so": "as above",
    "openvino/libs/cache.json": "kernels of the GPU plug-in",
    "openvino/libs/libopenvino_tensorflow_frontend.*": "models are OpenVINO's own, ONNX or PyTorch's",
    "openvino/libs/libopenvino_tensorflow_lite_frontend.*": "as above",
    "openvino/libs/libopenvino_paddle_frontend.*": "as above",
    "openvino/libs/libopenvino_jax_frontend.*": "as above",
    "openvino/libs/libopenvino_gguf_frontend.*": "as above",
    "openvino/libs/libopenvino_c.so*": "for programs in C",
    "openvino/include": "for compiling against it",
    "openvino/cmake": "as above",
}

UNUSED: Mapping[str, str] = {**COMPILERS, **OTHER_LIBRARIES, **LOADED_ON_DEMAND, **TRAINING, **OPENVINO}
