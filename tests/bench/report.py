"""A benchmark's figures: a table for users and a JSON file for programs."""

import json
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

BUILD = Path(__file__).parents[2] / "build" / "bench"


@dataclass(frozen=True, slots=True)
class Measurement:
    """A figure. `goal` is a text (`<= 250`); `met` is None if there is no goal."""

    name: str
    value: float
    unit: str
    goal: str = ""
    met: bool | None = None

    @classmethod
    def at_most(cls, name: str, value: float, unit: str, goal: float) -> "Measurement":
        """Return a figure that should not exceed its goal."""
        return cls(name, round(value, 3), unit, f"<= {goal:g}", value <= goal)

    @classmethod
    def at_least(cls, name: str, value: float, unit: str, goal: float) -> "Measurement":
        """Return a figure that should reach its goal."""
        return cls(name, round(value, 3), unit, f">= {goal:g}", value >= goal)

    @classmethod
    def exactly(cls, name: str, value: float, unit: str, goal: float) -> "Measurement":
        """Return a figure that should equal its goal."""
        return cls(name, round(value, 3), unit, f"= {goal:g}", value == goal)

    @classmethod
    def plain(cls, name: str, value: float, unit: str) -> "Measurement":
        """Return a figure without a goal."""
        return cls(name, round(value, 3), unit)


def machine() -> str:
    """Return one line about the machine: processor, cores, and load."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"


def publish(bench: str, measurements: list[Measurement]) -> None:
    """Print the table and write `build/bench/<bench>.json`."""
    table = Table(title=f"{bench}: {machine()}", title_justify="left")
    for heading in ("figure", "value", "unit", "goal", "met"):
        table.add_column(heading, justify="right" if heading == "value" else "left")
    for one in measurements:
        met = "" if one.met is None else "yes" if one.met else "NO"
        table.add_row(one.name, f"{one.value:g}", one.unit, one.goal, met)
    Console(width=120).print(table)
    BUILD.mkdir(parents=True, exist_ok=True)
    path = BUILD / f"{bench}.json"
    path.write_text(json.dumps([asdict(one) for one in measurements], indent=2) + "\n")
    print(f"bench: written to {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")
