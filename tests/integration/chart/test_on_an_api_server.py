"""A real API server accepts every object of the chart, with minimal permissions."""

from __future__ import annotations

import re

import pytest
from tests.chart.helm import CHART, documents, hooks, render, renderer
from tests.cluster.control_plane import ControlPlane
from tests.e2e.kubernetes.installation import converted
from tests.integration.operator.running import install_definitions
from tests.scheduling import CLUSTER_GROUP
from tools.system_packages import MissingPackagesError

pytestmark = pytest.mark.xdist_group(CLUSTER_GROUP)
SYSTEM, CAMERAS = "chart-system", "chart-cameras"


@pytest.fixture(scope="module")
def installed(cluster: ControlPlane) -> ControlPlane:
    """The chart with no values but the cameras' namespace, which other tests of the same cluster must not share."""
    try:
        renderer()
    except MissingPackagesError as error:
        pytest.skip(str(error))
    assert list(CHART.glob("crds/*.yaml"))
    install_definitions(cluster)
    cluster.create_namespace(SYSTEM)
    values = {"detectors": {"namespace": CAMERAS, "classes": {"gpu": None, "gpu-shared": None, "cpu": None}}}
    applied, at = hooks(documents(render(values, release="chart-vigil", namespace=SYSTEM)))
    applied.sort(key=lambda each: each["kind"] != "Namespace")
    cluster.apply([converted(each, cluster.version) for each in applied])
    cluster.apply([converted(each, cluster.version) for each in at["pre-delete"]])
    return cluster


def may(cluster: ControlPlane, verb: str, resource: str, namespace: str) -> bool:
    account = f"system:serviceaccount:{SYSTEM}:chart-vigil-operator"
    arguments = ["auth", "can-i", verb, resource, f"--as={account}", f"--namespace={namespace}"]
    return cluster.kubectl(*arguments, check=False).splitlines()[0].strip() == "yes"


def test_every_object_is_created(installed: ControlPlane) -> None:
    found = installed.kubectl_json("get", "deployments,statefulsets,jobs,services", "--namespace", SYSTEM)["items"]
    named = {f"{each['kind']}/{each['metadata']['name']}" for each in found}
    assert {re.sub("-[0-9a-f]{8}$", "", name) for name in named} == {
        "Deployment/chart-vigil-backend",
        "Deployment/chart-vigil-operator",
        "Deployment/chart-vigil-prober",
        "Deployment/chart-vigil-redis",
        "StatefulSet/chart-vigil-postgresql",
        "Job/chart-vigil-bootstrap",
        "Job/chart-vigil-uninstall",
        "Service/chart-vigil-backend",
        "Service/chart-vigil-postgresql",
        "Service/chart-vigil-redis",
    }


@pytest.mark.parametrize(
    ("verb", "resource"), [("create", "deployments.apps"), ("list", "secrets"), ("delete", "cameras.vigil.dev")]
)
def test_the_operator_works_in_the_cameras_namespace(installed: ControlPlane, verb: str, resource: str) -> None:
    assert may(installed, verb, resource, CAMERAS)


@pytest.mark.parametrize(
    ("verb", "resource", "namespace"),
    [
        ("get", "secrets", SYSTEM),
        ("list", "secrets", SYSTEM),
        ("get", "pods/log", CAMERAS),
        ("create", "pods", CAMERAS),
        ("create", "pods/exec", CAMERAS),
        ("get", "secrets", "kube-system"),
        ("create", "deployments.apps", SYSTEM),
        ("update", "detectorclasses.vigil.dev", CAMERAS),
    ],
)
def test_operator_has_no_unneeded_permissions(
    installed: ControlPlane, verb: str, resource: str, namespace: str
) -> None:
    assert not may(installed, verb, resource, namespace)
