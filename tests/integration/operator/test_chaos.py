"""Fifty cameras under simultaneous faults; afterwards the cluster matches the API.

The order of events comes from a fixed seed (VIGIL_TEST_CHAOS_SEED). VIGIL_TEST_CHAOS_SECONDS=300 runs it for five
minutes; the suite runs one minute.
"""

from __future__ import annotations

import os
import random
import time
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
import pytest
from tests.cluster.cluster import KubectlError
from tests.cluster.control_plane import ControlPlane
from tests.cluster.polling import eventually
from tests.integration.operator.running import Document, Operator, UnreadableError, View, reading
from tests.integration.services.backend import BackendServer, BackendUser

SECONDS = float(os.environ.get("VIGIL_TEST_CHAOS_SECONDS", "60"))
SEED = int(os.environ.get("VIGIL_TEST_CHAOS_SEED", "4711"))
CAMERAS = 50
APPLIED = ("gate", "hall", "yard", "roof", "lane")
PAUSE_SECONDS = 0.15
SETTLED_WITHIN_SECONDS = 150
QUIET_WITHIN_SECONDS = 30

pytestmark = [pytest.mark.timeout(600 + SECONDS), pytest.mark.slow]


CHANGED_MEANWHILE = ("not found", "notfound", "conflict", "already exists")
JUST_STARTED = ("etcdserver", "transport is closing", "unexpected eof", "unavailable")
"""Errors of an API server that has just started or has lost a connection to etcd."""


@contextmanager
def between_hands() -> Iterator[None]:
    """What kubectl was to change may have gone, or changed, between its looking and its asking.

    What is done or left undone by an API server that has only just been killed is as good as any other hand's doing.
    """
    try:
        yield
    except UnreadableError:
        pass
    except KubectlError as error:
        if not any(text in str(error).lower() for text in (*CHANGED_MEANWHILE, *JUST_STARTED)):
            raise


class Chaos:
    """The possible events, one method for each."""

    def __init__(
        self,
        cluster: ControlPlane,
        view: View,
        api: httpx.Client,
        start: Callable[[], Operator],
        chance: random.Random,
    ) -> None:
        self._cluster = cluster
        self._view = view
        self._api = api
        self._start = start
        self._chance = chance
        self._number = 0
        self._ids: list[int] = []
        self._operator = start()
        self.happened: Counter[str] = Counter()

    def begin(self) -> None:
        """Create all cameras, half of them active."""
        for number in range(CAMERAS):
            self._add(is_active=number % 2 == 0)

    def step(self) -> None:
        """Perform one event."""
        weights = {
            self.activate: 30, self.deactivate: 20, self.edit: 25, self.delete_and_add: 8, self.apply: 8,
            self.unapply: 3, self.meddle: 4, self.kill_operator: 2, self.kill_api_server: 1,
        }  # fmt: skip
        (event,) = self._chance.choices(list(weights), list(weights.values()))
        self.happened[event.__name__] += 1
        event()

    def activate(self) -> None:
        self._post("activate")

    def deactivate(self) -> None:
        self._post("deactivate")

    def edit(self) -> None:
        camera_id = self._chance.choice(self._ids)
        change = self._chance.choice(
            [
                {"rtsp_url": self._url()},
                {"detector_class_name": self._chance.choice(["", "cpu", "gpu"])},
                {"detection": {"frames_per_second": self._chance.randint(1, 30)}},
            ]
        )
        assert self._api.patch(f"/api/cameras/{camera_id}/", json=change).status_code == 200

    def delete_and_add(self) -> None:
        camera_id = self._ids.pop(self._chance.randrange(len(self._ids)))
        assert self._api.delete(f"/api/cameras/{camera_id}/").status_code == 204
        self._add(is_active=self._chance.random() < 0.5)

    def apply(self) -> None:
        name = self._chance.choice(APPLIED)
        spec = {"active": self._chance.random() < 0.8, "stream": {"url": f"rtsp://10.9.0.{self._next()}/s"}}
        metadata = {"name": name, "namespace": self._view.namespace}
        with between_hands():
            self._cluster.apply(
                {"apiVersion": "vigil.dev/v1alpha1", "kind": "Camera", "metadata": metadata, "spec": spec}
            )

    def unapply(self) -> None:
        name = self._chance.choice(APPLIED)
        with between_hands():
            self._kubectl("delete", "cam", name, "--ignore-not-found", "--wait=false")

    def meddle(self) -> None:
        """Change an object that the operator owns."""
        names: list[str] = []
        with between_hands():
            names = sorted(self._view.deployments())
        if not names:
            return
        name = self._chance.choice(names)
        how = self._chance.choice(
            [("scale", "deployment", name, "--replicas=0"), ("delete", "deployment", name, "--wait=false"),
             ("delete", "secret", name, "--wait=false"), ("delete", "networkpolicy", name, "--wait=false")]
        )  # fmt: skip
        with between_hands():
            self._kubectl(*how)

    def kill_operator(self) -> None:
        self._operator.process.kill()
        self._operator = self._start()

    def kill_api_server(self) -> None:
        self._cluster.kill_apiserver()
        self.edit()
        self.activate()
        self._cluster.start_apiserver()

    def _kubectl(self, *arguments: str) -> None:
        self._cluster.kubectl(*arguments, "--namespace", self._view.namespace)

    def _post(self, action: str) -> None:
        camera_id = self._chance.choice(self._ids)
        assert self._api.post(f"/api/cameras/{camera_id}/{action}/").status_code == 200

    def _add(self, *, is_active: bool) -> None:
        body = {"name": f"Camera {self._next()}", "rtsp_url": self._url(), "is_active": is_active}
        answer = self._api.post("/api/cameras/", json=body | {"detector_class_name": "cpu"})
        assert answer.status_code == 201, answer.text
        self._ids.append(int(answer.json()["id"]))

    def _url(self) -> str:
        return f"rtsp://user:pass{self._next()}@10.1.{self._chance.randint(0, 250)}.1/s"

    def _next(self) -> int:
        self._number += 1
        return self._number


def differences(view: View, active: list[Document], all_rows: list[Document]) -> list[str]:
    """Return all differences between cluster and API; `active`: with credentials, for the operator."""
    cameras = view.cameras()
    applied = {name: item for name, item in cameras.items() if name in APPLIED}
    found = _of_kubectl(applied, [row for row in all_rows if row["managed_by"] == "kubectl"])
    watched = {
        item.get("status", {}).get("cameraId"): name for name, item in applied.items() if item["spec"]["active"]
    }
    names = {row["id"]: watched.get(row["id"], f"cam-{row['id']}") for row in active}
    expected = {
        "Camera": (set(cameras), set(names.values()) | set(applied)),
        "Deployment": (set(view.deployments()), {f"{name}-detector" for name in names.values()}),
        "Secret": (set(view.secrets()), {f"{name}-detector" for name in names.values()}),
        "NetworkPolicy": (set(view.network_policies()), {f"{name}-detector" for name in names.values()}),
    }
    for kind, (present, wanted) in expected.items():
        found += [f"{kind} {name}: too many" for name in sorted(present - wanted)]
        found += [f"{kind} {name}: missing" for name in sorted(wanted - present)]
    if not found:
        found += _of_detectors(view, cameras, {names[row["id"]]: row for row in active})
    return found


def _of_kubectl(applied: dict[str, Document], rows: list[Document]) -> list[str]:
    by_id = {row["id"]: row for row in rows}
    found = [f"{len(rows)} rows for {len(applied)} resources"] if len(rows) != len(applied) else []
    for name, item in applied.items():
        row = by_id.get(item.get("status", {}).get("cameraId"))
        if row is None:
            found.append(f"{name}: no row")
            continue
        said = (row["is_active"], row["rtsp_url"])
        if said != (item["spec"]["active"], item["spec"]["stream"]["url"]):
            found.append(f"{name}: its row says {said}")
    return found


def _of_detectors(view: View, cameras: dict[str, Document], rows: dict[str, Document]) -> list[str]:
    deployments, secrets = view.deployments(), view.secrets()
    pods = Counter(
        pod["metadata"]["labels"]["vigil.dev/camera"]
        for pod in view.pods().values()
        if "deletionTimestamp" not in pod["metadata"]
    )
    found = [f"{name}: {pods[name]} pods" for name in rows if pods[name] != 1]
    for name, row in rows.items():
        found += _of_one(name, row, cameras[name], deployments[f"{name}-detector"], secrets[f"{name}-detector"])
    return found


def _of_one(name: str, row: Document, camera: Document, deployment: Document, secret: Document) -> list[str]:
    found = []
    url = urlsplit(row["rtsp_url"])
    password = b64decode(secret["data"].get("password", "")).decode()
    if password != (url.password or ""):
        found.append(f"{name}: another password")
    if camera["spec"]["stream"]["url"] != f"rtsp://{url.hostname}{url.path}":
        found.append(f"{name}: another address")
    if camera["spec"].get("detectorClassName", "") != row["detector_class_name"]:
        found.append(f"{name}: another class")
    template = deployment["spec"]["template"]
    if (
        template["spec"]["containers"][0]["args"] != ["--camera", str(row["id"])]
        or deployment["spec"]["replicas"] != 1
    ):
        found.append(f"{name}: another detector")
    if template["metadata"]["labels"]["vigil.dev/detector-class"] != (row["detector_class_name"] or "gpu"):
        found.append(f"{name}: its detector is of another class")
    if deployment["metadata"]["ownerReferences"][0]["uid"] != camera["metadata"]["uid"]:
        found.append(f"{name}: its detector is another's")
    return found


@pytest.fixture
def no_cameras_of_kubectl(
    vigil_cluster: ControlPlane, namespace: str, make_operator: Callable[..., Operator]
) -> Iterator[None]:
    """Delete the applied Cameras while the operators still run, because only they can delete the rows."""
    yield
    for name in APPLIED:
        vigil_cluster.kubectl("delete", "cam", name, "--ignore-not-found", "--namespace", namespace)


def test_cluster_matches_the_api_after_chaos(
    vigil_cluster: ControlPlane,
    namespace: str,
    backend: BackendServer,
    user: BackendUser,
    operator_token: str,
    make_operator: Callable[..., Operator],
    view: View,
    no_cameras_of_kubectl: None,
) -> None:
    made: list[Operator] = []

    def replica() -> Operator:
        with reading():  # its token is issued by the API server
            return make_operator(f"operator-{len(made)}")

    def start() -> Operator:
        made.append(eventually(replica))
        made[-1].start(wait=False)
        return made[-1]

    gpus = {"nvidia.com/gpu": 100}
    with (
        vigil_cluster.add_node(f"{namespace}-node", gpus=gpus, cpu="200", memory="500Gi"),
        backend.client(user.token) as api,
        backend.client(operator_token) as service,
    ):
        chaos = Chaos(vigil_cluster, view, api, start, random.Random(SEED))
        chaos.begin()
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            chaos.step()
            time.sleep(PAUSE_SECONDS)
        print(f"seed {SEED}, {SECONDS:.0f} s: {dict(chaos.happened)}")

        def all_differences() -> list[str]:
            every = api.get("/api/cameras/", params={"page_size": 500}).json()["results"]
            active = service.get("/api/active-cameras/", params=made[-1].cluster_query()).json()
            return differences(view, active, every)

        def settled() -> bool:
            found = all_differences()
            assert found == [], found
            return True

        began = time.monotonic()
        eventually(settled, timeout_seconds=SETTLED_WITHIN_SECONDS, poll_seconds=1)
        print(f"settled after {time.monotonic() - began:.1f} s")
        eventually(lambda: quiet(vigil_cluster, made[-1]), timeout_seconds=QUIET_WITHIN_SECONDS)


def quiet(cluster: ControlPlane, operator: Operator) -> bool:
    """Watch for five seconds that the operator writes nothing, except for reports of pods that have just started.

    The cluster may be as expected before the operator's watches show it: the operator may then delete once more what
    the garbage collector has just deleted.

    Raises:
        AssertionError: With the writes.
    """
    mark = cluster.audit_mark()
    time.sleep(5)
    late = [
        f"{event.verb} {event.resource} {event.name}: {event.code}"
        for event in operator.writes(mark)
        if event.subresource != "status" and event.resource != "events"
    ]
    assert late == []
    return True
