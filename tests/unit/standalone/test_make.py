"""`make run` passes settings on unchanged, with the real make and Makefile and a probe as the program."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
URL = r"rtsp://u:pa$word$$x$(shell echo y)#a\b c@camera/"
PROBE = r"""#!/bin/sh
printf '%s\n' "$CAMERA"
ps -eww -o args= | grep -c 'marked-[p]assword' || true
printf '%s\n' "$UV_CACHE_DIR" "$VIGIL_MODEL_DIR"
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name, text in (("tools/setup.sh", ""), (".venvs/standalone/bin/vigil", PROBE)):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    return tmp_path


def make_run(clone: Path, *arguments: str, **environment: str) -> list[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("VIGIL_", "UV_"))}
    made = subprocess.run(
        ["make", "run", *arguments],
        cwd=clone,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return made.stdout.splitlines()


def test_dollar_is_kept_in_an_argument_of_make(clone: Path) -> None:
    assert make_run(clone, f"CAMERA={URL}")[0] == URL


def test_dollar_is_kept_in_front_of_make(clone: Path) -> None:
    assert make_run(clone, CAMERA=URL)[0] == URL


def test_camera_url_in_front_of_make_is_hidden_from_ps(clone: Path) -> None:
    url = "rtsp://u:marked-password@camera/"
    assert make_run(clone, CAMERA=url)[:2] == [url, "0"]
    assert make_run(clone, f"CAMERA={url}")[1] != "0", "the probe does not see make's own arguments"


def test_caches_are_in_the_home(clone: Path, tmp_path: Path) -> None:
    caches = tmp_path / "home" / ".cache" / "vigil"
    assert make_run(clone, HOME=str(tmp_path / "home"))[2:] == [f"{caches}/uv", f"{caches}/models"]


def test_read_only_home_puts_the_caches_in_the_clone(clone: Path) -> None:
    home = "/proc/self"  # nobody, root included, can make a folder there
    assert make_run(clone, HOME=home)[2:] == [f"{clone}/.cache/vigil/uv", f"{clone}/.cache/vigil/models"]


def test_the_cache_can_be_named(clone: Path, tmp_path: Path) -> None:
    chosen = tmp_path / "chosen"
    assert make_run(clone, VIGIL_CACHE_DIR=str(chosen))[2:] == [f"{chosen}/uv", f"{chosen}/models"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give the clone to another user")
@pytest.mark.parametrize("target", ["install-service", "uninstall-service"])
def test_root_is_told_to_run_as_the_clones_owner(clone: Path, target: str) -> None:
    os.chown(clone, 1, 1)
    made = subprocess.run(["make", target], cwd=clone, capture_output=True, text=True, check=False)
    assert made.returncode != 0
    assert made.stdout == ""
    assert f"this clone belongs to daemon: run `make {target}` as that user, without sudo" in made.stderr
