"""Two operators of one cluster, each with its own namespace, write the status of the same DetectorClass."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from tests.cluster.control_plane import ControlPlane
from tests.cluster.polling import eventually
from tests.cluster.reaper import Reaper
from tests.integration.operator.running import Operator, install_rights, release_cameras
from tests.integration.operator.test_refusals import camera, cameras, detector_class
from tests.integration.services.backend import BackendServer

pytestmark = pytest.mark.timeout(300)

MODULE = "tests.integration.operator.impatient_operator"
COUNTED_EVERY_SECONDS = 2.0
TIMES = {"VIGIL_TEST_COUNTED_EVERY_SECONDS": str(COUNTED_EVERY_SECONDS)}


@pytest.fixture
def second(
    vigil_cluster: ControlPlane, namespace: str, backend: BackendServer, operator_token: str
) -> Iterator[Operator]:
    """An operator in a system namespace of its own, with one namespace of cameras."""
    system, other = f"{namespace}-system-2", f"{namespace}-2"
    for name in (system, other):
        vigil_cluster.create_namespace(name)
    install_rights(vigil_cluster, system, other)
    reaper = Reaper()
    made = Operator(
        vigil_cluster,
        system,
        other,
        backend.url,
        operator_token,
        reaper,
        identity="operator-2",
        environment=TIMES,
        module=MODULE,
    )
    yield made
    made.process.kill()
    reaper.close()
    release_cameras(vigil_cluster, other)
    for name in (system, other):
        vigil_cluster.delete_namespace(name, wait=False)


def test_class_counts_the_cameras_of_both(
    vigil_cluster: ControlPlane, namespace: str, make_operator: Callable[..., Operator], second: Operator
) -> None:
    name = f"{namespace}-shared"
    first = make_operator(module=MODULE, **TIMES)
    first.start()
    second.start()
    try:
        vigil_cluster.apply(
            [
                detector_class(name),
                camera(namespace, "one", name),
                camera(second.namespace, "two", name),
                camera(second.namespace, "three", name),
            ]
        )
        eventually(lambda: cameras(vigil_cluster, name) == [3], timeout_seconds=90)
        # One that has not listed the other's cameras yet may still write its own number; its next count corrects it.
        time.sleep(3 * COUNTED_EVERY_SECONDS)
        eventually(lambda: cameras(vigil_cluster, name) == [3], timeout_seconds=30)
        # Each has listed the other's cameras and counted after this, and neither replaces the number.
        deadline = time.monotonic() + 3 * COUNTED_EVERY_SECONDS
        while time.monotonic() < deadline:
            assert cameras(vigil_cluster, name) == [3]
            time.sleep(0.5)
        mark = vigil_cluster.audit_mark()
        time.sleep(2 * COUNTED_EVERY_SECONDS)
        written = [each.resource for operator in (first, second) for each in operator.writes(mark)]
        assert "detectorclasses" not in written
    finally:
        vigil_cluster.kubectl("delete", "detclass", name, "--ignore-not-found")
