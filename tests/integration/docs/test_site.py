"""The documentation site builds, its links work, and its reference matches the sources."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tools.documentation import metrics, resources, settings, values

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site. `--strict`: a broken link or anchor, or a page outside the menu, is an error."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_exists_and_loads_nothing_external(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        loaded = re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=[\"']?(https?:[^\"' >]+)", page.read_text())
        assert [url for url in loaded if not url.startswith("https://vigil.dev/")] == [], page


def test_repository_links_lead_to_copies(site: Path) -> None:
    assert (site / "repository/charts/vigil/rules/vigil.yaml").read_bytes() == (
        ROOT / "charts/vigil/rules/vigil.yaml"
    ).read_bytes()


def test_reference_is_complete() -> None:
    text = settings.page()
    for name in ("VIGIL_SPOOL_DIR", "VIGIL_LEASE_NAMESPACE", "DATABASE_URL", "VIGIL_SECRET_KEY"):
        assert f"| `{name}` |" in text
    declared = sum(len(each.model_fields) for _, each in settings.PROGRAMS.values())
    assert text.count("\n| `") == declared + sum(len(each) for each in settings.UNDECLARED.values())
    assert "| `VIGIL_MODEL_DIR` |" in text
    for name in ("vigil_stream_up", "vigil_cameras", "vigil_alert_ingest_seconds", "vigil_outbox_pending"):
        assert f"| `{name}` |" in metrics.page()
    for field in ("spec.stream.credentialsSecretRef", "status.conditions[].reason", "spec.gpu.resourceName"):
        assert f"| `{field}` |" in resources.page()
    for value in ("backend.replicas", "detectors.classes.gpu.spec.runtime", "ingress.tlsSecret"):
        assert f"| `{value}` |" in values.page()
    assert "| `backend.replicas` | `1` | more than one requires media in S3" in values.page(), "with its comment"


def test_documented_settings_exist() -> None:
    """Variables of tests and benchmarks are not settings of a program."""
    declared = set(re.findall(r"\| `([A-Z0-9_]+)` \|", settings.page()))
    spoken_of = {
        (path.name, name)
        for path in (ROOT / "docs").rglob("*.md")
        for name in re.findall(r"\bVIGIL_(?!BENCH_|TEST_|SHARED\b|E2E\b)[A-Z0-9_]+[A-Z0-9]\b", path.read_text())
    }
    assert len(spoken_of) > 60
    assert {(page, name) for page, name in spoken_of if name not in declared} == set()
