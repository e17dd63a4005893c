"""Every program uses the pinned time zone database, independent of the host."""

import ast
import shutil
import subprocess
import sys
import zoneinfo
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest
import tzdata

from vigil_contracts.rules import Schedule
from vigil_contracts.schedule import is_armed
from vigil_contracts.time_zones import TIME_ZONE_DATABASE_VERSION, load_time_zone

ROOT = Path(__file__).parents[3]
PROGRAMS = ("contracts", "backend", "detector_image", "operator", "standalone", "demo")


@pytest.mark.parametrize(
    "program",
    [
        "import cctv.rules.rule_book",
        "import vigil_operator.core.specs",
        "import surveillance.core.rule_preview",
    ],
    ids=["detector", "operator", "backend"],
)
def test_host_database_is_never_read(program: str, tmp_path: Path) -> None:
    """The host's database defines Berlin as UTC: without the pinned database, the program would use that."""
    (tmp_path / "Europe").mkdir()
    with (files("tzdata") / "zoneinfo/Etc/UTC").open("rb") as source, (tmp_path / "Europe/Berlin").open("wb") as fake:
        shutil.copyfileobj(source, fake)
    show = "from vigil_contracts.time_zones import load_time_zone; from datetime import datetime as d;"
    show += "print(d(2026, 7, 1, tzinfo=load_time_zone('Europe/Berlin')).utcoffset())"
    before = "import zoneinfo; zoneinfo.ZoneInfo('Europe/Berlin')"  # another library has already loaded it
    run = subprocess.run(
        [sys.executable, "-c", f"{before}\n{program}\n{show}"],
        env={"PYTHONTZPATH": str(tmp_path), "PATH": "/usr/bin:/bin"},
        cwd=ROOT / "backend",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.stdout.strip().endswith("2:00:00"), run.stderr


def test_only_one_module_imports_zoneinfo() -> None:
    importers = {
        path.relative_to(ROOT).as_posix()
        for program in PROGRAMS
        for path in (ROOT / program).rglob("*.py")
        if "zoneinfo" in path.read_text("utf-8") and _imports_zoneinfo(path)
    }
    assert importers == {"contracts/vigil_contracts/time_zones.py"}


def _imports_zoneinfo(path: Path) -> bool:
    nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
    modules = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return "zoneinfo" in modules


def test_version_is_that_of_the_package() -> None:
    assert tzdata.IANA_VERSION == TIME_ZONE_DATABASE_VERSION
    assert zoneinfo.TZPATH == ()


def test_vancouver_keeps_daylight_time_in_the_winter_of_2026() -> None:
    """The province abolished the clock change; databases before 2026 do not contain that."""
    night = {"days": ["tue"], "start": "22:00", "end": "23:00"}
    schedule = Schedule.model_validate({"time_zone": "America/Vancouver", "windows": [night]})
    assert is_armed(schedule, datetime(2026, 12, 16, 5, 30, tzinfo=UTC)), "22:30 at UTC-7"
    assert not is_armed(schedule, datetime(2026, 12, 16, 6, 30, tzinfo=UTC))


@pytest.mark.parametrize(
    "name", ["localtime", "posix/Europe/Berlin", "right/Europe/Berlin", "Europe", "../UTC", "tzdata.zi"]
)
def test_host_specific_zone_names_are_rejected(name: str) -> None:
    """Only some hosts accept them, and `right/` zones differ by 27 leap seconds."""
    with pytest.raises((KeyError, ValueError, OSError)):
        load_time_zone(name)
