"""Objects of the previous version are adopted: updated if they differ, without restarts."""

from __future__ import annotations

from typing import Any

import pytest
from tests.cluster.polling import eventually
from tests.integration.operator.running import Document, Installation, View

pytestmark = pytest.mark.timeout(600)

APPLY = "application/apply-patch+yaml"
FORMER = "vigil.dev/of-the-version-before"
DESIRED = "vigil.dev/desired-hash"
KINDS = ("apps/v1", "deployments"), ("networking.k8s.io/v1", "networkpolicies")


def as_the_version_before_wrote_it(found: Document) -> Document:
    """Write it as the operator: with a label and a digest that this version does not write, and explicit defaults."""
    metadata = found["metadata"]
    kept: dict[str, Any] = {name: metadata[name] for name in ("name", "namespace", "labels", "ownerReferences")}
    kept["labels"] |= {FORMER: "yes"}
    kept["annotations"] = {name: "0" * 16 for name in metadata.get("annotations", {}) if name == DESIRED}
    return {**{name: found[name] for name in ("apiVersion", "kind", "spec")}, "metadata": kept}


def test_no_detector_restarts_whose_spec_did_not_change(installation: Installation) -> None:
    cluster, operator, view = installation.cluster, installation.operator, installation.view
    with installation.node(gpus={"nvidia.com/gpu": 2}):
        for number in (1, 2):
            installation.add_camera(number, rtsp_url=f"rtsp://u:p@10.0.0.{number}/s")
        eventually(lambda: list(view.phases().values()) == ["Streaming"] * 2, timeout_seconds=60)
        eventually(lambda: view.reported_cameras() == 2)
        operator.process.stop()
        for prefix, plural in KINDS:
            path = f"/apis/{prefix}/namespaces/{installation.namespace}/{plural}"
            for name in sorted(f"{camera}-detector" for camera in view.cameras()):
                former = as_the_version_before_wrote_it(cluster.http.get(f"{path}/{name}"))
                applied = f"{path}/{name}?fieldManager=vigil-operator&force=true"
                cluster.http.patch(applied, former, kind=APPLY)
        pods, templates = uids(view), [item["spec"]["template"] for item in view.deployments().values()]
        mark = cluster.audit_mark()

        operator.start()

        eventually(lambda: all(is_taken_over(item) for item in view.deployments().values()), timeout_seconds=60)
        eventually(lambda: all(is_taken_over(item) for item in view.network_policies().values()), timeout_seconds=30)
        assert all(item["metadata"]["annotations"][DESIRED] != "0" * 16 for item in view.deployments().values())
        assert [item["spec"]["template"] for item in view.deployments().values()] == templates
        eventually(lambda: list(view.phases().values()) == ["Streaming"] * 2)
        assert uids(view) == pods
        assert len(operator.writes(mark)) <= 2 * len(KINDS)


def uids(view: View) -> dict[str, str]:
    return {name: pod["metadata"]["uid"] for name, pod in view.pods().items()}


def is_taken_over(item: Document) -> bool:
    return FORMER not in item["metadata"]["labels"]
