"""The hooks before a commit check what `make lint` checks, with the same version of ruff."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[3]
HOOKS = [
    hook
    for repository in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    for hook in repository["hooks"]
]


def test_ruff_is_the_locked_one() -> None:
    (locked,) = re.findall(r"^(ruff==\S+)", (ROOT / "locks" / "dev.txt").read_text(), re.MULTILINE)
    pins = [hook["additional_dependencies"] for hook in HOOKS if hook["id"].startswith("ruff")]
    assert pins == [[locked], [locked]]


def test_every_hook_is_pinned() -> None:
    loose = [hook["id"] for hook in HOOKS if not all("==" in each for each in hook["additional_dependencies"])]
    assert loose == []
