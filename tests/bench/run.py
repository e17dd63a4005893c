"""`python -m tests.bench.run NAME`: run `tests/bench/NAME/bench.py`, whose `measure()` returns the figures."""

import importlib
import sys
from pathlib import Path

from tests.bench.report import publish


def main() -> None:
    """Run the named benchmarks, or list all."""
    known = sorted(path.parent.name for path in Path(__file__).parent.glob("*/bench.py"))
    names = sys.argv[1:]
    if not names or any(name not in known for name in names):
        sys.exit(f"usage: make bench BENCH=NAME, where NAME is one of: {', '.join(known)}")
    for name in names:
        publish(name, importlib.import_module(f"tests.bench.{name}.bench").measure())


if __name__ == "__main__":
    main()
