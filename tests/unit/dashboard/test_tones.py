"""Templates use only the tones that the style sheets define; an unknown one has no colours."""

from __future__ import annotations

import re
from pathlib import Path

DASHBOARD = Path(__file__).parents[3] / "backend" / "vigil_apps" / "dashboard"


def test_templates_use_known_tones() -> None:
    styles = "\n".join(path.read_text() for path in DASHBOARD.glob("static/dashboard/css/*.css"))
    known = set(re.findall(r"^\.tone-([a-z]+) \{", styles, re.MULTILINE))
    assert len(known) >= 5
    templates = sorted(DASHBOARD.glob("templates/**/*.html"))
    used = {tone: path.name for path in templates for tone in re.findall(r"\btone-([a-z]+)", path.read_text())}
    assert {tone: name for tone, name in used.items() if tone not in known} == {}
