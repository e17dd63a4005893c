"""`make release` in a clone: one version everywhere, and installable files."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml
from tests.chart.helm import documents, render, renderer
from tools.release import ReleaseError, date_changelog, notes_of
from tools.system_packages import MissingPackagesError

ROOT = Path(__file__).resolve().parents[3]
VERSION = "9.8.7"
pytestmark = pytest.mark.timeout(300)


def git(*arguments: str, cwd: Path) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *identity, *arguments], cwd=cwd, check=True, capture_output=True, text=True)
    return done.stdout


def run(clone: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.release", *arguments]
    return subprocess.run(command, cwd=clone, check=False, capture_output=True, text=True)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The current working tree, committed in a separate repository and released."""
    try:
        renderer()
    except MissingPackagesError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("release")
    names = git("ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT).splitlines()
    for name in names:
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    (folder / ".tools").symlink_to(ROOT / ".tools")
    changelog = folder / "CHANGELOG.md"
    changelog.write_text(changelog.read_text().replace("## Unreleased\n", "## Unreleased\n\n- A new thing.\n", 1))
    (folder / ".git").mkdir()
    git("init", "--quiet", cwd=folder)
    (folder / ".git" / "info" / "exclude").write_text(".tools\n")
    git("add", "--all", cwd=folder)
    git("commit", "--quiet", "--message", "All", cwd=folder)
    done = run(folder, VERSION)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_version_is_set_everywhere(clone: Path) -> None:
    changed = git("diff", "--name-only", cwd=clone).split()
    assert {"pyproject.toml", "charts/vigil/Chart.yaml", "CHANGELOG.md", "docs/openapi.yaml"} <= set(changed)
    assert "charts/vigil-crds/Chart.yaml" in changed
    assert f'version = "{VERSION}"' in (clone / "pyproject.toml").read_text()
    manifest = (clone / "manifests/operator/20-deployment.yaml").read_text()
    assert f"image: vigil-operator:{VERSION}" in manifest


def test_changelog_has_a_dated_and_an_empty_unreleased_section(clone: Path) -> None:
    text = (clone / "CHANGELOG.md").read_text()
    assert f"## Unreleased\n\n## {VERSION} (20" in text
    assert "- A new thing." in (clone / "dist" / VERSION / "NOTES.md").read_text()


def test_wheel_contains_every_program_and_the_demo_model(clone: Path) -> None:
    with zipfile.ZipFile(clone / "dist" / VERSION / f"vigil_cctv-{VERSION}-py3-none-any.whl") as wheel:
        names = set(wheel.namelist())
    wanted = {"vigil_operator/app.py", "surveillance/models/camera.py", "cctv/models/demo/vigil-demo.bin"}
    assert wanted <= names
    assert not [name for name in names if name.startswith(("tests/", "tools/"))]


def test_the_packaged_chart_renders_with_the_version(clone: Path, tmp_path: Path) -> None:
    with tarfile.open(clone / "dist" / VERSION / f"vigil-{VERSION}.tgz") as tar:
        tar.extractall(tmp_path, filter="data")
    assert not (tmp_path / "vigil" / "ci").exists()
    assert (tmp_path / "vigil" / "crds" / "cameras.vigil.dev.yaml").exists()
    images = [
        each["spec"]["image"]
        for each in documents(render(chart=tmp_path / "vigil"))
        if "runtime" in each.get("spec", {})
    ]
    assert f"vigil-detector:{VERSION}" in images


def test_chart_of_the_definitions_is_packaged(clone: Path) -> None:
    with tarfile.open(clone / "dist" / VERSION / f"vigil-crds-{VERSION}.tgz") as tar:
        names = set(tar.getnames())
    assert {"vigil-crds/Chart.yaml", "vigil-crds/templates/cameras.vigil.dev.yaml"} <= names


def test_joined_manifests_are_complete(clone: Path) -> None:
    text = (clone / "dist" / VERSION / "vigil-manifests.yaml").read_text()
    kinds = [each["kind"] for each in yaml.safe_load_all(text) if each]
    assert kinds[0] == "CustomResourceDefinition"
    assert kinds.index("Namespace") < kinds.index("Deployment")


def test_checksums_are_correct(clone: Path) -> None:
    folder = clone / "dist" / VERSION
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    assert len(lines) == 6
    for line in lines:
        digest, name = line.split()
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_dirty_tree_is_rejected(clone: Path) -> None:
    refused = run(clone, "9.8.8")
    assert refused.returncode == 1
    assert "not committed" in refused.stderr


def test_invalid_version_is_rejected(clone: Path) -> None:
    assert "must be like 1.2.3" in run(clone, "next").stderr


def test_release_without_changelog_entries_is_rejected() -> None:
    with pytest.raises(ReleaseError, match="has nothing under"):
        date_changelog("# Changelog\n\n## Unreleased\n\n## 0.1.0\n\n- Old.\n", "0.2.0", "2026-01-01")


def test_release_notes_are_the_versions_section() -> None:
    text = "## Unreleased\n\n## 0.2.0 (2026-01-01)\n\n- New.\n\n## 0.1.0\n\n- Old.\n"
    assert notes_of(text, "0.2.0") == "- New.\n"
    with pytest.raises(ReleaseError, match=r"0\.3\.0"):
        notes_of(text, "0.3.0")
