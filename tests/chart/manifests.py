"""manifests/ for those without Helm, rendered from the chart: `python -m tests.chart.manifests` (`make manifests`).

Also copies the CustomResourceDefinitions of charts/vigil/crds to where they are needed.

Of the chart's objects: the operator, and the backend with a database of one's own. What is random there (keys,
passwords) is made by hand here, as docs/kubernetes.md says.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping

import yaml
from tests.chart.helm import CHART, ROOT, render

FOLDER = ROOT / "manifests"
_HEADER = "# Rendered from charts/vigil by `make manifests`: change it there.\n"
_NAMESPACE = """\
# The control plane's namespace, and the cameras' apart from it.
apiVersion: v1
kind: Namespace
metadata:
  name: vigil-system
  labels:
    app.kubernetes.io/part-of: vigil
    pod-security.kubernetes.io/enforce: restricted
---
"""
FILES: Mapping[str, tuple[str, ...]] = {
    "operator/00-namespaces.yaml": ("templates/detectors/namespace.yaml",),
    "operator/10-rbac.yaml": ("templates/operator/rbac.yaml",),
    "operator/15-user-roles.yaml": ("templates/operator/user-roles.yaml",),
    "operator/20-deployment.yaml": ("templates/operator/deployment.yaml",),
    "samples/detector-classes.yaml": ("templates/detectors/classes.yaml",),
    "backend/10-bootstrap.yaml": ("templates/backend/bootstrap.yaml",),
    "backend/20-deployment.yaml": ("templates/backend/deployment.yaml",),
    "backend/30-network-policies.yaml": ("templates/network-policies.yaml",),
}
_INTRODUCTIONS: Mapping[str, str] = {
    "operator/00-namespaces.yaml": _NAMESPACE,
    "samples/detector-classes.yaml": (
        "# How detectors run. A camera that names no class gets the class that is annotated as the default.\n"
        "# The images are built from detector_image/Dockerfile (CPU) and detector_image/Dockerfile.gpu.\n"
    ),
}
_HELMS_LABELS = re.compile(r"^ +(helm\.sh/[a-z-]+|app\.kubernetes\.io/managed-by): .*\n", re.MULTILINE)
_EMPTY_ANNOTATIONS = re.compile(r"^ +annotations: \{helm\.sh/resource-policy: keep\}\n", re.MULTILINE)


def manifests() -> dict[str, str]:
    """Path below manifests/ -> what it must hold."""
    values = yaml.safe_load((CHART / "ci" / "manifests-values.yaml").read_text())
    rendered = render(values, release="vigil", namespace="vigil-system")
    result = {}
    for path, templates in FILES.items():
        text = "---\n".join(rendered[name].strip("\n") + "\n" for name in templates)
        text = _EMPTY_ANNOTATIONS.sub("", _HELMS_LABELS.sub("", text)).removeprefix("---\n")
        text = "\n".join(line.rstrip() for line in text.splitlines() if line.strip()) + "\n"
        result[path] = _HEADER + _INTRODUCTIONS.get(path, "") + text
    return result


def definitions() -> dict[str, str]:
    """Return the copies of charts/vigil/crds: path in the repository -> content.

    Helm never upgrades what is in a folder `crds`; the chart vigil-crds has them as templates. Without the
    annotation, an uninstallation of that chart would delete every camera.
    """
    copies = {}
    for path in sorted(CHART.glob("crds/*.yaml")):
        text = path.read_text()
        copies[f"manifests/crds/{path.name}"] = text
        kept = text.replace("\nmetadata:\n", "\nmetadata:\n  annotations: {helm.sh/resource-policy: keep}\n", 1)
        copies[f"charts/vigil-crds/templates/{path.name}"] = kept
    return copies


def main() -> int:
    written = {f"manifests/{path}": text for path, text in manifests().items()} | definitions()
    for path, text in written.items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text)
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
