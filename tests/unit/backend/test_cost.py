"""What a camera costs: from the heartbeat of its detector to its health."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from tests.unit.backend.conftest import Party

from surveillance.models import Camera, CameraHealth

BEAT = {"phase": "Streaming", "reason": "Streaming"}
COST: dict[str, Any] = {
    "cpu_cores": {"p50": 0.21, "p95": 0.34},
    "memory_bytes": {"p50": 231_735_296, "p95": 235_929_600},
    "inference_share": {"p50": 0.06, "p95": 0.15},
    "seconds": 3600,
}


def cost_shown(party: Party, camera: Camera) -> Any:
    return party.client.get(f"/api/cameras/{camera.pk}/").json()["health"]["cost"]


@pytest.mark.parametrize("cost", [COST, COST | {"memory_bytes": None}, None])
def test_reported_cost_is_shown(pipeline: Party, anna: Party, camera: Camera, cost: Any) -> None:
    Camera.objects.update(is_active=True)
    assert cost_shown(anna, camera) is None
    answer = pipeline.client.post(f"/api/cameras/{camera.pk}/heartbeat/", BEAT | {"cost": cost})
    assert answer.status_code == 204
    assert cost_shown(anna, camera) == cost


def test_cost_is_not_shown_without_a_current_report(pipeline: Party, anna: Party, camera: Camera) -> None:
    Camera.objects.update(is_active=True)
    pipeline.client.post(f"/api/cameras/{camera.pk}/heartbeat/", BEAT | {"cost": COST})
    CameraHealth.objects.update(reported_at=timezone.now() - timedelta(minutes=1))
    assert cost_shown(anna, camera) is None


def test_stored_cost_of_another_version_breaks_no_list(pipeline: Party, anna: Party, camera: Camera) -> None:
    Camera.objects.update(is_active=True)
    pipeline.client.post(f"/api/cameras/{camera.pk}/heartbeat/", BEAT)
    CameraHealth.objects.update(cost={"cores": "two"})
    answer = anna.client.get("/api/cameras/")
    assert answer.status_code == 200
    assert answer.json()["results"][0]["health"]["cost"] is None


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"cpu_cores": {"p50": -0.1, "p95": 1}}, "cost.cpu_cores.p50", "greater than or equal to 0"),
        ({"cpu_cores": {"p50": 1, "p95": 10_001}}, "cost.cpu_cores.p95", "less than or equal to 10000"),
        ({"cpu_cores": {"p50": 2, "p95": 1}}, "cost.cpu_cores", "p95 must not be below p50"),
        ({"memory_bytes": {"p50": 1.5, "p95": 2}}, "cost.memory_bytes.p50", "integer"),
        ({"inference_share": {"p50": 0.5, "p95": 1.1}}, "cost.inference_share.p95", "less than or equal to 1"),
        ({"seconds": 0}, "cost.seconds", "greater than or equal to 1"),
    ],
)
def test_wrong_cost_names_the_field(
    pipeline: Party, camera: Camera, change: dict[str, Any], field: str, words: str
) -> None:
    answer = pipeline.client.post(f"/api/cameras/{camera.pk}/heartbeat/", BEAT | {"cost": COST | change})
    assert answer.status_code == 400
    assert words in " ".join(answer.json()[field])
    assert not CameraHealth.objects.exists()
