"""`make release VERSION=0.2.0`: build all files of a release in dist/<version>/.

    wheel and source archive   built by hatchling, from the hashes of locks/build.txt
    vigil-<version>.tgz        the Helm chart
    vigil-crds-<version>.tgz   the Helm chart of the CustomResourceDefinitions
    vigil-manifests.yaml       manifests/ in one file
    NOTES.md                   this version's part of CHANGELOG.md
    SHA256SUMS

First it sets the version in pyproject.toml, the chart and the API schema, and replaces "Unreleased" in CHANGELOG.md
by the version and date. It does not commit or tag: check `git diff` first. The tree must be clean. `--built` does not
change the sources: use it for a tagged commit, whose sources already have the version.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import re
import subprocess
import sys
import tarfile
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CHART = ROOT / "charts" / "vigil"
_VERSION = re.compile(r"\d+\.\d+\.\d+(-(alpha|beta|rc)\.\d+)?")
_PLACES = (
    ("pyproject.toml", r'^version = "(.+)"$'),
    ("charts/vigil/Chart.yaml", r"^version: (.+)$"),
    ("charts/vigil/Chart.yaml", r"^appVersion: (.+)$"),
    ("charts/vigil-crds/Chart.yaml", r"^version: (.+)$"),
    ("charts/vigil-crds/Chart.yaml", r"^appVersion: (.+)$"),
    ("backend/surveillance_backend/settings.py", r'^    "VERSION": "(.+)",$'),
    ("docs/openapi.yaml", r"^  version: (.+)$"),
)
"""The places of the version: file and pattern."""


class ReleaseError(Exception):
    """The release failed; the message says why."""


def bump(root: Path, version: str) -> None:
    """Write the version everywhere. Raises ReleaseError if a pattern is not found."""
    for name, pattern in _PLACES:
        path = root / name
        text = path.read_text()
        found = re.search(pattern, text, re.MULTILINE)
        if found is None:
            raise ReleaseError(f"{name}: nothing there is like {pattern}")
        path.write_text(text[: found.start(1)] + version + text[found.end(1) :])


def date_changelog(text: str, version: str, date: str) -> tuple[str, str]:
    """Return CHANGELOG.md with this version instead of "Unreleased", and its notes. Raises ReleaseError if empty."""
    found = re.search(r"^## Unreleased\n(?P<notes>.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if found is None or not found["notes"].strip():
        raise ReleaseError('CHANGELOG.md: has nothing under "## Unreleased" that could be released')
    heading = f"## Unreleased\n\n## {version} ({date})\n"
    return text[: found.start()] + heading + found["notes"] + text[found.end() :], found["notes"].strip() + "\n"


def notes_of(text: str, version: str) -> str:
    """Return the section of CHANGELOG.md about a version. Raises ReleaseError if there is none."""
    pattern = rf"^## {re.escape(version)}( \(.*\))?\n(?P<notes>.*?)(?=^## |\Z)"
    found = re.search(pattern, text, re.MULTILINE | re.DOTALL)
    if found is None or not found["notes"].strip():
        raise ReleaseError(f'CHANGELOG.md: has nothing under "## {version}"')
    return found["notes"].strip() + "\n"


def package_chart(chart: Path, target: Path, timestamp: int) -> None:
    """Create the archive as `helm package` does: the chart's files without those in .helmignore."""
    ignore = chart / ".helmignore"
    ignored = {line.rstrip("/") for line in ignore.read_text().split()} if ignore.exists() else set()
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for path in sorted(chart.rglob("*")):
            relative = path.relative_to(chart)
            if path.is_file() and relative.parts[0] not in ignored:
                info = tarfile.TarInfo(f"{chart.name}/{relative.as_posix()}")
                info.size, info.mode, info.mtime = path.stat().st_size, 0o644, timestamp
                with path.open("rb") as file:
                    tar.addfile(info, file)
    target.write_bytes(gzip.compress(content.getvalue(), mtime=timestamp))


def join_manifests(folder: Path) -> str:
    """Join CRDs, operator and backend in the order of their dependencies."""
    paths = [path for part in ("crds", "operator", "backend") for path in sorted((folder / part).glob("*.yaml"))]
    return "---\n".join(path.read_text().removeprefix("---\n") for path in paths)


def build_wheels(root: Path, target: Path) -> None:
    """Build the wheel and the source archive."""
    uv = ("bash", str(root / "tools" / "uv.sh"))
    options = ("--out-dir", str(target), "--build-constraints", "locks/build.txt", "--require-hashes")
    subprocess.run([*uv, "build", "--quiet", *options], cwd=root, check=True)


def prepare(root: Path, version: str) -> None:
    """Set the version in all sources and date the changelog. Raises ReleaseError."""
    status = subprocess.run(["git", "status", "--porcelain"], cwd=root, check=True, capture_output=True, text=True)
    if status.stdout.strip():
        raise ReleaseError("the working tree has changes that are not committed; commit them first")
    changelog, _ = date_changelog((root / "CHANGELOG.md").read_text(), version, datetime.now(UTC).date().isoformat())
    bump(root, version)
    (root / "CHANGELOG.md").write_text(changelog)
    subprocess.run([sys.executable, "-m", "tests.chart.manifests"], cwd=root, check=True)


def build(root: Path, version: str) -> Path:
    """Create the release's files; return their folder. Raises ReleaseError."""
    if f'version = "{version}"' not in (root / "pyproject.toml").read_text().splitlines():
        raise ReleaseError(f"pyproject.toml: names another version than {version}")
    notes = notes_of((root / "CHANGELOG.md").read_text(), version)
    target = root / "dist" / version
    target.mkdir(parents=True, exist_ok=True)
    build_wheels(root, target)
    for chart in ("vigil", "vigil-crds"):
        package_chart(root / "charts" / chart, target / f"{chart}-{version}.tgz", int(time.time()))
    (target / "vigil-manifests.yaml").write_text(join_manifests(root / "manifests"))
    (target / "NOTES.md").write_text(notes)
    made = sorted(path for path in target.iterdir() if path.name not in {"SHA256SUMS", ".gitignore"})
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in made]
    (target / "SHA256SUMS").write_text("".join(sums))
    return target


def main() -> int:
    parser = argparse.ArgumentParser(prog="tools.release", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("version", help="such as 0.2.0")
    parser.add_argument("--built", action="store_true", help="the sources name the version already: only build")
    options = parser.parse_args()
    try:
        if not _VERSION.fullmatch(options.version):
            raise ReleaseError(f"VERSION must be like 1.2.3 or 1.2.3-rc.1, not {options.version!r}")
        if not options.built:
            prepare(ROOT, options.version)
        target = build(ROOT, options.version)
    except ReleaseError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    for path in sorted(target.iterdir()):
        print(f"release: {path.relative_to(ROOT)}")
    if not options.built:
        print(f"release: look at `git diff`; then commit, and tag it v{options.version}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
