"""The shipped systemd units: valid and restricted."""

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.integration.services.requirements import skip_without

UNITS = Path(__file__).parents[3] / "manifests" / "systemd"
VENV = Path(__file__).parents[3] / ".venv"
EXPOSURE = {"vigil-backend.service": 15, "vigil-pipeline.service": 30}
"""systemd's exposure score, 0 (fully restricted) to 100; a unit without these settings has 96."""


def _analysed(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    if program is None:
        skip_without("systemd-analyze", "systemd")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("name", EXPOSURE)
def test_unit_is_valid(name: str, tmp_path: Path) -> None:
    unit = tmp_path / name
    unit.write_text((UNITS / name).read_text().replace("/opt/vigil/.venv", str(VENV)))
    found = _analysed("verify", "--man=no", "--recursive-errors=no", str(unit))
    assert found.returncode == 0, found.stderr
    assert name not in found.stderr, found.stderr


@pytest.mark.parametrize(("name", "most"), EXPOSURE.items())
def test_unit_is_restricted(name: str, most: int) -> None:
    found = _analysed("security", "--offline=true", f"--threshold={most}", str(UNITS / name))
    assert found.returncode == 0, found.stdout[-3000:] + found.stderr
