"""The chart to upgrade from: the last tag's, or an earlier commit's with an earlier version."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.chart.helm import ROOT

_TEMPLATES = "charts/vigil/templates"
_EARLIER_VERSION = "0.0.1"


def earlier_chart(folder: Path) -> Path:
    """Unpacks it into `folder` and answers where it is. Raises CalledProcessError where git has no history."""
    tags = _git("tag", "--merged", "HEAD", "--sort=-version:refname", "--list", "v*").split()
    revision = tags[0] if tags else f"{_git('log', '-1', '--format=%H', '--', _TEMPLATES)}^"
    archive = subprocess.run(
        ["git", "archive", revision, "charts/vigil"], cwd=ROOT, check=True, capture_output=True, timeout=60
    ).stdout
    subprocess.run(["tar", "--extract", "--directory", folder], input=archive, check=True, timeout=60)
    chart = folder / "charts" / "vigil"
    if not tags:
        file = chart / "Chart.yaml"
        pattern = re.compile(r"^(version|appVersion): .*$", re.MULTILINE)
        file.write_text(pattern.sub(rf"\1: {_EARLIER_VERSION}", file.read_text()))
    return chart


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60
    ).stdout.strip()
