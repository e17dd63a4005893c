"""Cameras at a real MQTT broker: promptness, switches, and restarts of broker and backend."""

import json
import time

import pytest
from tests.cluster.polling import eventually
from tests.integration.home_assistant.conftest import Scene
from tests.integration.home_assistant.listener import Listener

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("home_assistant_broker")]


def _wait_for_the_device(scene: Scene) -> None:
    eventually(lambda: any(topic.startswith("vigil/") for topic in scene.listener.latest), timeout_seconds=60)
    scene.listener.until(scene.configuration(), lambda payload: b"Gate" in payload)


def test_person_shows_within_a_second(scene: Scene) -> None:
    _wait_for_the_device(scene)
    scene.report(0)
    scene.listener.until(scene.configuration(), lambda payload: "person" in json.loads(payload)["cmps"])
    scene.listener.until(scene.topic("availability"), lambda payload: payload == b"online")
    delays = []
    for persons in (1, 0, 2, 0, 1):
        time.sleep(0.4)
        began = time.monotonic()
        scene.report(persons)
        arrived = scene.listener.until(
            scene.topic("objects"),
            lambda payload: json.loads(payload)["person"] == persons,  # noqa: B023 called at once
        )
        delays.append(arrived - began)
    assert max(delays) < 1.0, delays


def test_restarted_broker_has_everything_again(scene: Scene) -> None:
    _wait_for_the_device(scene)
    scene.report(1)
    scene.broker.kill()
    scene.listener.forget()
    scene.broker.start()
    eventually(lambda: any(topic.startswith("vigil/") for topic in scene.listener.latest), timeout_seconds=60)
    for name in ("objects", "health", "active", "availability"):
        scene.listener.until(scene.topic(name), bool)
    scene.listener.until(scene.configuration(), bool)
    # What a Home Assistant that starts later finds.
    late = Listener(scene.broker.port)
    late.until(scene.configuration(), bool)
    late.close()
    assert scene.topic("objects") not in late.latest


def test_switch_deactivates_the_camera(scene: Scene) -> None:
    _wait_for_the_device(scene)
    with scene.backend.client(scene.root.token) as client:
        assert client.patch("/api/home-assistant/", json={"acts_as": "root"}).status_code == 200
        eventually(lambda: client.get("/api/home-assistant/").json()["is_connected"], timeout_seconds=10)
        scene.listener.until(scene.configuration(), lambda payload: "active" in json.loads(payload)["cmps"])
        for payload, is_active in ((b"OFF", False), (b"ON", True)):
            scene.listener.publish(scene.topic("active/set"), payload.decode())
            scene.listener.until(scene.topic("active"), lambda got: got == payload)  # noqa: B023 called at once
            assert client.get(f"/api/cameras/{scene.camera}/").json()["is_active"] is is_active
        entry = client.get("/api/audit/?kind=camera").json()["results"][0]
        assert (entry["actor_name"], entry["token_name"]) == ("root", "Home Assistant")


def test_killed_backend_is_offline_and_a_deleted_camera_leaves_nothing(scene: Scene) -> None:
    _wait_for_the_device(scene)
    configuration, availability = scene.configuration(), scene.topic("availability")
    server = f"{scene.topic('').rsplit('/', 2)[0]}/status"
    scene.backend.kill()
    scene.listener.until(server, lambda payload: payload == b"offline")
    scene.backend.manage(
        "shell", "-c", f"from surveillance.models import Camera as C; C.objects.get(pk={scene.camera}).delete()"
    )
    scene.backend.start()
    scene.listener.until(server, lambda payload: payload == b"online")
    scene.listener.until(configuration, lambda payload: payload == b"")
    scene.listener.until(availability, lambda payload: payload == b"")
