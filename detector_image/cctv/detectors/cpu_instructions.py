"""Choose the CPU instructions that OpenVINO uses in this process.

oneDNN, OpenVINO's library of CPU kernels, uses AMX wherever the processor has it. Its kernels and buffers take 20 MB
and more time to start. A network with wide layers runs up to twice as fast with them, but a small INT8 network gains
nothing. oneDNN reads the limit once per process, so the first network decides.
"""

import logging
import os
from pathlib import Path

log = logging.getLogger(__name__)

VARIABLE = "ONEDNN_MAX_CPU_ISA"
"""oneDNN's environment variable. A user can set it for all networks: `DEFAULT` allows all instructions."""
WITHOUT_AMX = "AVX512_CORE_FP16"
"""What every processor with AMX has besides."""
SMALL_WEIGHTS_BYTES = 5_000_000
"""Weights of an INT8 network with narrow layers: YOLOv8n and YOLO11n have 3 MB, YOLOv8s and YOLO11s over 9 MB."""

_chosen = False


def choose_instructions(network: Path, cpu_flags: str | None = None) -> None:
    """Leave AMX out if the process's first network is a small INT8 network (`.xml` with its `.bin`).

    Call it before OpenVINO loads its CPU plug-in. `cpu_flags`: those of `/proc/cpuinfo`; read if None.
    """
    global _chosen
    is_first, _chosen = not _chosen, True
    if VARIABLE in os.environ:
        if not is_first and os.environ[VARIABLE] == WITHOUT_AMX and not _is_small_int8(network):
            log.info("%s: runs without AMX, which this process's first network does not need", network.name)
        return
    if is_first and "amx_int8" in (_cpu_flags() if cpu_flags is None else cpu_flags) and _is_small_int8(network):
        os.environ[VARIABLE] = WITHOUT_AMX


def _is_small_int8(network: Path) -> bool:
    try:
        if network.suffix != ".xml" or network.with_suffix(".bin").stat().st_size > SMALL_WEIGHTS_BYTES:
            return False
        return b'type="FakeQuantize"' in network.read_bytes()
    except OSError:  # reading the network reports it
        return False


def _cpu_flags() -> str:
    try:
        return next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags")), "")
    except OSError:
        return ""
