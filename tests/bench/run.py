"""`python -m tests.bench.run NAME`: run `tests/bench/NAME/bench.py`, whose `measure()` returns the figures."""

import importlib
import sys
from pathlib import Path

import pytest
from tests.bench.report import publish


def main() -> None:
    """Run the named benchmarks, or list all."""
    known = sorted(path.parent.name for path in Path(__file__).parent.glob("*/bench.py"))
    names = sys.argv[1:]
    if not names or any(name not in known for name in names):
        sys.exit(f"usage: make bench BENCH=NAME, where NAME is one of: {', '.join(known)}")
    for name in names:
        try:
            publish(name, importlib.import_module(f"tests.bench.{name}.bench").measure())
        except pytest.skip.Exception as missing:  # the benchmarks share the servers of the tests
            sys.exit(f"bench: {name}: {missing}")


if __name__ == "__main__":
    main()
