"""What a camera costs, beside what its detector requests: on its page, and by class on the page of the system."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from tests.unit.dashboard.test_pages import add_camera

from surveillance.models import Camera, Cluster
from surveillance.services.heartbeats import heartbeat_record
from surveillance.services.resource_states import resource_states_record
from vigil_contracts.cost import BytePercentiles, CameraCost, CorePercentiles, SharePercentiles
from vigil_contracts.health import Heartbeat, InferenceHealth
from vigil_contracts.names import CameraPhase, Reason
from vigil_contracts.resources import ResourceStates

MIB = 1024**2
SYSTEM = "/dashboard/settings/system/"
COST = CameraCost(
    cpu_cores=CorePercentiles(p50=0.21, p95=0.34),
    memory_bytes=BytePercentiles(p50=230 * MIB, p95=240 * MIB),
    inference_share=SharePercentiles(p50=0.06, p95=0.15),
    seconds=3600,
)
CLASS: dict[str, Any] = {
    "name": "gpu",
    "is_default": True,
    "room": 3,
    "requests": {"cpu_cores": 0.25, "memory_bytes": 1024 * MIB, "devices": {"nvidia.com/gpu": 1}},
    "cost": {
        "cameras": 12,
        "cpu_cores": {"p50": 0.3, "p95": 1.3},
        "memory_bytes": {"p50": 230 * MIB, "p95": 240 * MIB},
        "inference_share": {"p50": 0.06, "p95": 0.15},
    },
    "requests_sufficient": False,
}


@pytest.fixture
def camera(anna: User) -> Camera:
    return add_camera(anna)


def measure(camera: Camera, cost: CameraCost | None = COST, device: str = "cpu") -> None:
    beat = Heartbeat(
        phase=CameraPhase.STREAMING, reason=Reason.STREAMING, cost=cost, inference=InferenceHealth(device=device)
    )
    heartbeat_record(camera=camera, heartbeat=beat, now=timezone.now())


def report(*classes: dict[str, Any]) -> None:
    Cluster.objects.create(name="north", identity="north/cams", asked_at=timezone.now())
    body = {"source": "north/cams", "classes": classes}
    resource_states_record(states=ResourceStates.model_validate(body), now=timezone.now())


def cost_of(client: Client, camera: Camera, language: str = "en") -> str:
    """The text of the panel on the camera's page."""
    page = client.get(f"/dashboard/cameras/{camera.pk}/", headers={"Accept-Language": language}).content.decode()
    return words(page.partition("data-cost>")[2].partition("</dl>")[0])


def words(html: str) -> str:
    """Return the text without markup, its words separated by single spaces."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace("\N{NO-BREAK SPACE}", " ").split())


def test_page_shows_what_the_camera_costs_and_nothing_before_it_is_measured(client: Client, camera: Camera) -> None:
    assert cost_of(client, camera) == ""
    measure(camera)
    assert cost_of(client, camera) == (
        "Cost Measured by the detector, over the last hour."
        " CPU cores 0.21 95th percentile: 0.34"
        " Memory 230.0 MB 95th percentile: 240.0 MB"
        " Time with an inference 6 % 95th percentile: 15 %"
    )


def test_page_shows_what_the_class_requests_and_that_it_is_too_little(client: Client, camera: Camera) -> None:
    measure(camera, device="cuda:0")
    report(CLASS)
    assert cost_of(client, camera) == (
        "Cost Requests too low Detectors of class gpu need more than they request. Their nodes may become overloaded."
        " Ask an administrator to raise the requests of the class."
        " CPU cores 0.21 95th percentile: 0.34 requested: 0.25"
        " Memory 230.0 MB 95th percentile: 240.0 MB requested: 1.0 GB"
        " Share of a GPU (upper limit) 6 % 95th percentile: 15 % requested: 1 × nvidia.com/gpu"
    )


def test_page_is_in_german(client: Client, camera: Camera) -> None:
    measure(camera)
    report(CLASS | {"requests_sufficient": True})
    assert cost_of(client, camera, "de") == (
        "Ressourcenverbrauch Anforderungen ausreichend Vom Detektor gemessen, über die letzte Stunde."
        " CPU-Kerne 0,21 95. Perzentil: 0,34 angefordert: 0,25"
        " Arbeitsspeicher 230,0 MB 95. Perzentil: 240,0 MB angefordert: 1,0 GB"
        " Zeit mit Inferenz 6 % 95. Perzentil: 15 % angefordert: 1 × nvidia.com/gpu"
    )


def test_class_is_the_one_of_the_detector(client: Client, camera: Camera) -> None:
    measure(camera)
    report(CLASS, CLASS | {"name": "cpu", "is_default": False, "requests": {"cpu_cores": 0.5}})
    Camera.objects.update(detector_class_name="cpu")
    assert "requested: 0.5" in cost_of(client, camera)
    state = {"camera": camera.pk, "resource": "cam-1", "phase": "Streaming", "detector_class": "gpu"}
    states = ResourceStates.model_validate({"source": "north/cams", "states": [state]})
    resource_states_record(states=states, now=timezone.now())
    assert "requested: 0.25" in cost_of(client, camera), "it has moved to another class"


def test_system_page_lists_the_classes_of_all_clusters(client: Client, anna: User) -> None:
    User.objects.filter(pk=anna.pk).update(is_superuser=True)
    assert "data-classes" not in client.get(SYSTEM).content.decode()
    report(CLASS, {"name": "new"})
    text = client.get(SYSTEM).content.decode().partition("data-classes>")[2].partition("</section>")[0]
    rows = [words(row) for row in re.findall(r"<tr>(.+?)</tr>", text.partition("<tbody>")[2], re.DOTALL)]
    assert rows == [
        "gpu default north 3 1.30 of 0.25 240.0 MB of 1.0 GB 15 % 1 × nvidia.com/gpu 12 Requests too low",
        "new north – – – – – –",
    ]
