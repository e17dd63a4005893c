"""The camera page shows the state of its resource if there is a cluster."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client
from tests.unit.dashboard.test_pages import add_camera

from surveillance.models import Camera
from surveillance.services.resource_states import resource_states_record
from vigil_contracts.resources import ResourceStates

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def camera(anna: User) -> Camera:
    return add_camera(anna)


def report(camera: Camera) -> None:
    condition = {
        "type": "Ready",
        "status": "False",
        "reason": "InsufficientGPU",
        "message": "No node has a free GPU & more.",
        "last_transition_time": NOON,
    }
    state = {
        "camera": camera.pk,
        "resource": "cam-7",
        "phase": "Pending",
        "conditions": [condition],
        "detector_class": "gpu-shared",
    }
    resource_states_record(
        states=ResourceStates.model_validate({"source": "berlin/cams", "states": [state]}), now=NOON
    )


def page_of(client: Client, camera: Camera) -> str:
    return client.get(f"/dashboard/cameras/{camera.pk}/").content.decode()


def test_camera_page_shows_conditions(client: Client, camera: Camera) -> None:
    report(camera)
    page = page_of(client, camera)
    for text in ("cam-7", "berlin/cams", "gpu-shared", "Ready: False", "InsufficientGPU", "a free GPU &amp; more."):
        assert text in page, text
    assert '<time datetime="2026-03-02T12:00:00.000+00:00"' in page


def test_page_without_a_cluster_mentions_none(client: Client, camera: Camera) -> None:
    assert "Kubernetes" not in page_of(client, camera)
    report(camera)
    Camera.objects.update(is_active=False)
    assert "Kubernetes" not in page_of(client, camera)
