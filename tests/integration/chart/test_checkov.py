"""checkov on every object of the chart and every detector: findings are fixed or explained here.

Its environment is `.venvs/checkov` (`bash tools/setup.sh .venvs/checkov locks/checkov.txt`, as `make test` does).
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from tests.chart.helm import CHART, ROOT, documents, render, renderer
from tools.system_packages import MissingPackagesError

CHECKOV = ROOT / ".venvs" / "checkov" / "bin" / "checkov"
DETECTORS = ROOT / "tests" / "unit" / "operator" / "golden"
EVERYTHING = "*"

EXCEPTIONS: Mapping[str, tuple[str, set[str]]] = {
    "CKV_K8S_8": ("Runs once and ends: nothing is there to be restarted.", {"Pod.vigil-test"}),
    "CKV_K8S_9": (
        "The test runs once; the backend's second container, the worker, takes no requests. The first has a probe.",
        {"Pod.vigil-test", "Deployment.vigil-backend"},
    ),
    "CKV_K8S_11": ("A CPU limit makes frames late while the node idles; requests share it fairly.", {EVERYTHING}),
    "CKV_K8S_15": ("Tags are versions and never change; Always would fail without a registry.", {EVERYTHING}),
    "CKV_K8S_21": (
        "Events of a DetectorClass, which has no namespace, must be in `default`: the API server wants it.",
        {"Role.vigil-operator-events", "RoleBinding.vigil-operator-events"},
    ),
    "CKV_K8S_35": (
        "Keys and addresses with passwords are Django's settings, which come from the environment. A detector's own"
        " secrets are files; what its class adds under `env` is the choice of the class's author.",
        {"Deployment.vigil-backend", "Job.vigil-bootstrap", "Deployment.cam-7-detector"},
    ),
    "CKV_K8S_38": ("They speak to the API server.", {"Deployment.vigil-operator", "Job.vigil-uninstall"}),
    "CKV_K8S_40": (
        "The users of the upstream images, whose data belong to them.",
        {"Deployment.vigil-redis", "StatefulSet.vigil-postgresql", "Deployment.vigil-pgbouncer"},
    ),
    "CKV_K8S_43": (
        "Digests differ between registries and mirrors; a digest can be set as the tag.",
        {EVERYTHING},
    ),
}
"""Check -> reason and place of the exception."""


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str]]:
    """(check, kind and name) of every finding, over all values files."""
    if not CHECKOV.exists():
        pytest.skip(f"no {CHECKOV.relative_to(ROOT)}: bash tools/setup.sh .venvs/checkov locks/checkov.txt")
    folder = tmp_path_factory.mktemp("checkov")
    try:
        renderer()
    except MissingPackagesError as error:
        pytest.skip(str(error))
    for path in [None, *CHART.glob("ci/*.yaml")]:
        values = yaml.safe_load(path.read_text()) if path else {}
        (folder / (path.name if path else "none.yaml")).write_text(yaml.safe_dump_all(documents(render(values))))
    for path in DETECTORS.glob("*.yaml"):
        (folder / path.name).write_text(path.read_text())
    return _findings(folder)


def _findings(folder: Path) -> set[tuple[str, str]]:
    command = [str(CHECKOV), "--directory", ".", "--framework", "kubernetes", "--skip-download", "--output", "json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    report = json.loads(done.stdout)
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["passed"] > 1000, "it read next to nothing"
    return {(each["check_id"], _name(each["resource"])) for each in report["results"]["failed_checks"]}


def _name(resource: str) -> str:
    """`Deployment.vigil-system.vigil-backend`, with labels behind it for a pod of a template; without a digest."""
    kind, _, name, *_ = resource.split(".")
    name = re.sub("-bootstrap-[0-9a-f]{8}$", "-bootstrap", name)
    return f"{kind}.{name}"


def test_every_finding_is_explained(failed: set[tuple[str, str]]) -> None:
    unexplained = {
        (check, name) for check, name in failed if not EXCEPTIONS.get(check, ("", set()))[1] & {name, EVERYTHING}
    }
    assert unexplained == set()


def test_every_exception_is_needed(failed: set[tuple[str, str]]) -> None:
    needed = {(check, name) for check, (_, names) in EXCEPTIONS.items() for name in names if name != EVERYTHING}
    needed |= {(check, EVERYTHING) for check, (_, names) in EXCEPTIONS.items() if EVERYTHING in names}
    assert needed <= failed | {(check, EVERYTHING) for check, _ in failed}
