"""The operator is killed at one of its writes; the next one continues from the stored state.

tests/unit/operator/test_failpoints.py tests this at every call, without processes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from tests.cluster.control_plane import ControlPlane
from tests.cluster.polling import eventually
from tests.integration.operator.running import Operator, View
from tests.integration.services.backend import BackendServer, BackendUser

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]

FAILPOINTS = [
    r"after /cameras/[^/]+$",
    r"after /secrets/",
    r"before /deployments/",
    r"after /deployments/",
    r"before /status$",
]
RECOVERED_SECONDS = 30


def has_ended(operator: Operator) -> bool:
    return not operator.process.is_running


def test_killed_at_a_write_the_next_leader_leaves_one_detector_per_camera(
    vigil_cluster: ControlPlane,
    namespace: str,
    backend: BackendServer,
    user: BackendUser,
    make_operator: Callable[..., Operator],
    view: View,
) -> None:
    expected: set[str] = set()
    with vigil_cluster.add_node(f"{namespace}-node", gpus={"nvidia.com/gpu": len(FAILPOINTS)}):
        for number, failpoint in enumerate(FAILPOINTS, start=1):
            camera = backend.add_camera(user.token, name=f"c{number}", rtsp_url=f"rtsp://10.0.0.{number}/s")
            expected.add(f"cam-{camera}")
            killed = make_operator(module="tests.integration.operator.killed_operator", VIGIL_TEST_KILL_AT=failpoint)
            killed.process.start()
            eventually(partial(has_ended, killed), timeout_seconds=60)
        mark = vigil_cluster.audit_mark()
        make_operator().start()

        def all_streaming() -> bool:
            assert view.phases() == dict.fromkeys(expected, "Streaming")
            return True

        eventually(all_streaming, timeout_seconds=RECOVERED_SECONDS)
        objects = {f"{name}-detector" for name in expected}
        assert [set(view.deployments()), set(view.network_policies())] == [objects] * 2
        assert len(view.secrets()) == len(view.pods()) == len(expected)
        remade = [
            event
            for event in vigil_cluster.audit_events(since=mark, namespace=namespace, resource="deployments")
            if event.verb == "delete"
        ]
        assert remade == []
