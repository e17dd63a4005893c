"""The memory settings of the detector's image, for benchmarks that run its program outside it."""

import re
from pathlib import Path

_DOCKERFILE = Path(__file__).parents[2] / "detector_image" / "Dockerfile"


def memory_settings() -> dict[str, str]:
    """Return the environment variables of the C library and of NumPy that the CPU image sets."""
    found = re.findall(r"\b(MALLOC_[A-Z_]+|OPENBLAS_[A-Z_]+)=(\S+)", _DOCKERFILE.read_text())
    assert len(found) >= 3
    return dict(found)
