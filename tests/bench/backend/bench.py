"""The backend under load: PostgreSQL, the backend and its clients on this machine.

VIGIL_BENCH_PARTS sets which parts are measured (ingest,lists,active,streams,pages).
"""

import importlib
import os
import tempfile
from pathlib import Path

from tests.bench.report import Measurement
from tests.integration.services.postgres import postgres_server

PARTS = os.environ.get("VIGIL_BENCH_PARTS", "ingest,lists,active,streams,pages").split(",")


def measure() -> list[Measurement]:
    """Measure all figures."""
    figures: list[Measurement] = []
    with tempfile.TemporaryDirectory() as folder, postgres_server(is_durable=True) as postgres:
        for part in PARTS:
            module = importlib.import_module(f"tests.bench.backend.{part}")
            figures += module.measure(Path(folder) / part, postgres)
    return figures
