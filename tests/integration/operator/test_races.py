"""Cameras deleted while their detectors start leave nothing behind."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.cluster.control_plane import ControlPlane
from tests.cluster.polling import eventually
from tests.integration.operator.running import Operator, View
from tests.integration.services.backend import BackendServer, BackendUser

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]

RACES = 200
AT_ONCE = 8
LONGEST_DELAY_SECONDS = 0.5
SILENT_WITHIN_SECONDS = 10
SEED = 4711


def test_two_hundred_deletions_while_starting_leave_nothing(
    vigil_cluster: ControlPlane,
    namespace: str,
    backend: BackendServer,
    user: BackendUser,
    make_operator: Callable[..., Operator],
    view: View,
) -> None:
    # Polls often: otherwise most cameras would be deleted before the operator has seen them.
    operator = make_operator(VIGIL_SYNC_INTERVAL_SECONDS="0.1")
    operator.start()
    chance = random.Random(SEED)
    delays = [chance.uniform(0.0, LONGEST_DELAY_SECONDS) for _ in range(RACES)]
    with (
        vigil_cluster.add_node(f"{namespace}-node", cpu="200", memory="500Gi", pods=500),
        backend.client(user.token) as api,
    ):
        steady = backend.add_camera(
            user.token, name="steady", rtsp_url="rtsp://10.0.0.1/s", detector_class_name="cpu"
        )
        eventually(lambda: view.phases() == {f"cam-{steady}": "Streaming"}, timeout_seconds=60)
        uid = view.deployments()[f"cam-{steady}-detector"]["metadata"]["uid"]
        mark = vigil_cluster.audit_mark()

        def race(number: int) -> None:
            body = {"name": f"r{number}", "rtsp_url": f"rtsp://10.2.0.{number}/s", "detector_class_name": "cpu"}
            answer = api.post("/api/cameras/", json={**body, "is_active": True})
            assert answer.status_code == 201, answer.text
            time.sleep(delays[number])
            assert api.delete(f"/api/cameras/{answer.json()['id']}/").status_code == 204

        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(race, range(RACES)))
        began = time.monotonic()

        def is_quiet() -> bool:
            left = [view.cameras(), view.deployments(), view.secrets(), view.network_policies(), view.pods()]
            assert [len(found) for found in left] == [1] * 5, [sorted(found) for found in left]
            return True

        eventually(is_quiet, timeout_seconds=SILENT_WITHIN_SECONDS, poll_seconds=0.5)
        print(f"{RACES} races: all gone {time.monotonic() - began:.1f} s after the last deletion")
        made = {event.name for event in operator.writes(mark) if event.resource == "deployments"}
        assert made, "every camera was deleted before its detector began, which shows nothing"
        print(f"{len(made)} of them had a Deployment")
        assert view.deployments()[f"cam-{steady}-detector"]["metadata"]["uid"] == uid
        assert not [event for event in operator.writes(mark) if event.name.startswith(f"cam-{steady}-detector")]
