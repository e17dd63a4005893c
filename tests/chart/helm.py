"""The chart, rendered: by `helm` where it is on the PATH, else by the small renderer beside this file.

python -m tests.chart.helm charts/vigil [--values FILE] [--release vigil] [--namespace vigil-system]   # prints YAML
"""

from __future__ import annotations

import argparse
import copy
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import yaml
from tools import system_packages

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "vigil"
CACHE = Path.home() / ".cache" / "vigil"
_SOURCE = Path(__file__).parent / "renderer" / "main.go"
_BUILD_TIMEOUT_SECONDS = 300
Document = dict[str, Any]
Values = Mapping[str, Any]


class ChartError(RuntimeError):
    """The chart refuses the values or cannot be rendered; the message is Helm's or the template engine's."""


def render(
    values: Values | None = None,
    *,
    release: str = "vigil",
    namespace: str = "vigil-system",
    kube_version: str = "v1.28.0",
    upgrade: bool = False,
    has_cluster: bool = True,
    chart: Path = CHART,
) -> dict[str, str]:
    """Template's path -> what it renders to. `values` are laid over the chart's own. Raises ChartError."""
    merged = merge(yaml.load((chart / "values.yaml").read_text(), Loader=yaml.CSafeLoader), values or {})
    schema = json.loads((chart / "values.schema.json").read_text())
    problems = sorted(jsonschema.Draft7Validator(schema).iter_errors(merged), key=lambda each: list(each.path))
    if problems:
        first = problems[0]
        raise ChartError(f"values: {'.'.join(map(str, first.path)) or 'top level'}: {first.message}")
    command = [str(renderer()), str(chart), release, namespace, kube_version]
    command += ["upgrade" if upgrade else "install", "cluster" if has_cluster else "none"]
    done = subprocess.run(command, check=False, input=json.dumps(merged), capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise ChartError(done.stderr.strip())
    rendered: dict[str, str] = json.loads(done.stdout)
    return rendered


def documents(rendered: Mapping[str, str]) -> list[Document]:
    """The objects in rendered templates. Raises ChartError for what is no YAML, with the template's name."""
    found: list[Document] = []
    for name, text in rendered.items():
        if name.endswith(".txt"):
            continue
        try:
            found += [each for each in yaml.load_all(text, Loader=yaml.CSafeLoader) if each]
        except yaml.YAMLError as error:
            raise ChartError(f"{name}: {error}") from error
    return found


def hooks(objects: Sequence[Document]) -> tuple[list[Document], dict[str, list[Document]]]:
    """What is applied, and beside it what Helm runs at a moment of its own: moment -> objects."""
    applied: list[Document] = []
    at: dict[str, list[Document]] = {}
    for each in objects:
        moments = (each["metadata"].get("annotations") or {}).get("helm.sh/hook")
        if moments is None:
            applied.append(each)
        for moment in moments.split(",") if moments else []:
            at.setdefault(moment, []).append(each)
    return applied, at


def merge(below: Any, above: Any) -> Any:
    """Helm's way of laying values over others: maps are merged, null takes away, all else is replaced."""
    if not isinstance(below, Mapping) or not isinstance(above, Mapping):
        return copy.deepcopy(above)
    result = {**copy.deepcopy(dict(below))}
    for name, value in above.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge(result.get(name), value)
    return result


def renderer() -> Path:
    """The compiled renderer, under ~/.cache/vigil. Raises MissingPackagesError where Go or sprig cannot be had."""
    digest = hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:16]
    program = CACHE / "chart" / f"render-{digest}"
    program.parent.mkdir(parents=True, exist_ok=True)
    with (program.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            system_packages.ensure("helm-templates")
            _compile(program)
    return program


def _compile(program: Path) -> None:
    environment = {
        **os.environ,
        "GO111MODULE": "off",
        "GOPATH": "/usr/share/gocode",
        "GOCACHE": str(CACHE / "chart" / "go"),
        "CGO_ENABLED": "0",
    }
    partial = program.with_suffix(".part")
    subprocess.run(
        ["go", "build", "-o", str(partial), str(_SOURCE)],
        check=True,
        cwd=_SOURCE.parent,
        env=environment,
        timeout=_BUILD_TIMEOUT_SECONDS,
    )
    partial.rename(program)


def helm() -> str | None:
    """Helm itself, where the machine has it."""
    return shutil.which("helm")


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.chart.helm", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("chart", type=Path)
    parser.add_argument("--values", type=Path)
    parser.add_argument("--release", default="vigil")
    parser.add_argument("--namespace", default="vigil-system")
    options = parser.parse_args()
    values = yaml.load(options.values.read_text(), Loader=yaml.CSafeLoader) if options.values else {}
    rendered = render(values, release=options.release, namespace=options.namespace, chart=options.chart)
    for name, text in rendered.items():
        print(f"---\n# Source: {name}\n{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
