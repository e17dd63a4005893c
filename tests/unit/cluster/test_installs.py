"""All installed packages, including build dependencies, are pinned by hash."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PLACES = ("tools/*.sh", "tools/image/*.sh", "*/Dockerfile*", ".ci/*", ".github/workflows/*.yml", "docs/*.md")
INSTALL = re.compile(r"(?:pip|\"\$uv\" pip) (?:install|sync|wheel) [^&;|]+")


def install_commands() -> list[tuple[str, str]]:
    """(file, command) of each command that installs or builds Python packages."""
    found = []
    for path in sorted(path for pattern in PLACES for path in ROOT.glob(pattern) if path.is_file()):
        lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
        text = re.sub(r"\\\n\s*", " ", "\n".join(lines))
        found += [(path.relative_to(ROOT).as_posix(), " ".join(each.split())) for each in INSTALL.findall(text)]
    return found


def unpinned(command: str) -> str | None:
    """Return what the command may take from an index without a hash, or None."""
    if "--no-index" in command:
        return None
    is_ours_alone = "--no-deps" in command and "--require" not in command
    if not is_ours_alone and "--require-hashes" not in command:
        return "packages"
    has_builders = any(
        option in command
        for option in ("--only-binary :all:", "--no-build-isolation", "--build-constraints locks/build.txt")
    )
    return None if has_builders else "build back ends"


def refused(command: str) -> str | None:
    """Return the lock that pip refuses in this command because it lacks a dependency, or None.

    Every lock with openvino lacks its telemetry package. `uv pip sync` resolves nothing.
    """
    if "--no-deps" in command or " sync " in command:
        return None
    for found in re.finditer(r"locks/[a-z-]+\.txt", command):
        lock = found[0]
        text = (ROOT / lock).read_text()
        if "\nopenvino==" in text and "\nopenvino-telemetry==" not in text:
            return lock
    return None


@pytest.mark.parametrize(("place", "command"), install_commands())
def test_pip_accepts_each_lock_file(place: str, command: str) -> None:
    assert refused(command) is None, f"{place}: {command}: add --no-deps"


def test_command_rejected_by_pip_is_found() -> None:
    command = "pip install --require-hashes --requirement locks/detector.txt"
    assert refused(command) == "locks/detector.txt"
    assert refused(f"{command} --no-deps") is None
    assert refused("pip install --require-hashes --requirement locks/operator.txt") is None


@pytest.mark.parametrize(("place", "command"), install_commands())
def test_each_install_command_is_pinned(place: str, command: str) -> None:
    assert unpinned(command) is None, f"{place}: {command}"


def test_the_commands_are_found() -> None:
    places = {place for place, _ in install_commands()}
    assert {"tools/bootstrap.sh", "tools/setup.sh", "tools/image/build.sh"} <= places


@pytest.mark.parametrize(
    ("dockerfile", "lock", "image"),
    [
        ("backend/Dockerfile", "backend", "backend"),
        ("operator/Dockerfile", "operator", "operator"),
        ("detector_image/Dockerfile", "detector", "openvino-cpu"),
        ("detector_image/Dockerfile.gpu", "ultralytics", "ultralytics"),
    ],
)
def test_every_image_has_the_same_build_stage(dockerfile: str, lock: str, image: str) -> None:
    text = (ROOT / dockerfile).read_text()
    stage = text[text.index("AS build\n") : text.index("\nFROM ", text.index("AS build\n"))]
    steps = re.findall(r"^RUN (sh tools/image/build.sh .+)$", stage, re.MULTILINE)
    assert steps == [f"sh tools/image/build.sh packages {lock}", f"sh tools/image/build.sh product {image}"]
    assert f"COPY locks/{lock}.txt locks/build.txt locks/" in stage
    assert "pip " not in stage


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("pip install --quiet uv==0.13.9", "packages"),
        ("pip install --require-hashes --requirement locks/backend.txt", "build back ends"),
        ("pip install --no-deps --editable .", "build back ends"),
        ("pip wheel --no-deps --no-build-isolation .", None),
        ("pip install --no-deps --no-index /wheels/*.whl", None),
    ],
)
def test_a_command_that_is_not_pinned_is_found(command: str, expected: str | None) -> None:
    assert unpinned(command) == expected


def test_the_build_lock_has_every_back_end() -> None:
    requires = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    wanted = {re.split(r"[<>=~!\[ ]", each)[0] for each in requires} | {"editables", "setuptools", "wheel"}
    locked = re.findall(
        r"^([a-z0-9-]+)==.+\\\n +--hash=sha256:", (ROOT / "locks/build.txt").read_text(), re.MULTILINE
    )
    assert wanted <= set(locked)
