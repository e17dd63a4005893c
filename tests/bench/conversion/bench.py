"""The cost of converting `.pt` weights to OpenVINO networks, each in a separate process.

The weights are random and created by ultralytics in the first run.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.report import Measurement
from tests.integration.services import made_weights

_CONVERT = """
import json, resource, sys, time
from pathlib import Path
from cctv.detectors.converted_weights import convert_weights

def peak_megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

before, began = peak_megabytes(), time.process_time()
network = convert_weights(Path(sys.argv[1]))
seconds = time.process_time() - began
kept = sum(path.stat().st_size for path in network.parent.iterdir()) / 1e6
print(json.dumps([seconds, peak_megabytes(), peak_megabytes() - before, kept]))
"""


def measure() -> list[Measurement]:
    """Convert weights of each supported architecture."""
    shared = Path(os.environ.get("VIGIL_SHARED", made_weights.ROOT.parent / "shared"))
    if not made_weights.PYTHON.exists():
        sys.exit(f"bench: {made_weights.NEEDED}")
    folder, rows = made_weights.ensure_weights(shared), []
    for architecture in made_weights.ARCHITECTURES:
        seconds, peak, more, kept = _convert(folder / f"{architecture}.pt")
        rows += [
            Measurement.plain(f"{architecture}: processor time", seconds, "s"),
            Measurement.plain(f"{architecture}: highest memory of the process", peak, "MB"),
            Measurement.plain(f"{architecture}: of that, by the conversion", more, "MB"),
            Measurement.plain(f"{architecture}: kept on disk", kept, "MB"),
        ]
    return rows


def _convert(weights: Path) -> tuple[float, float, float, float]:
    with tempfile.TemporaryDirectory() as models:
        environment = {**os.environ, "VIGIL_MODEL_DIR": models}
        command = [sys.executable, "-c", _CONVERT, str(weights)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    seconds, peak, more, kept = json.loads(done.stdout)
    return seconds, peak, more, kept
