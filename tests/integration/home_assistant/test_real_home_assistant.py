"""The real Home Assistant finds the cameras at a real broker: entities, promptness, renames, restarts, removal.

Home Assistant is large and needs its own Python, so the environment of the suite does not have it. `install.sh` puts
it into a directory, and `VIGIL_TEST_HASS=DIRECTORY/bin/hass` makes this test run.
"""

import os
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.cluster.polling import eventually
from tests.cluster.processes import ServerProcess, free_ports
from tests.cluster.reaper import Reaper
from tests.integration.home_assistant.conftest import Scene
from tests.integration.services.life_cycle import Service
from tests.integration.services.mosquitto import PASSWORD, USER

HASS = os.environ.get("VIGIL_TEST_HASS", "")
CLIENT = "http://127.0.0.1/"
NAME, SECRET = "tester", "correct horse battery"
pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("home_assistant_real"),
    pytest.mark.skipif(
        not Path(HASS).is_file(),
        reason="Home Assistant is missing: run install.sh in this folder and set VIGIL_TEST_HASS",
    ),
]


class HomeAssistant(Service):
    """One Home Assistant with MQTT."""

    ready_timeout_seconds = 120

    def __init__(self, directory: Path, reaper: Reaper) -> None:
        (self.port,) = free_ports(1)
        (directory / "configuration.yaml").write_text(
            "homeassistant:\n  name: Test\n"
            f"http:\n  server_host: 127.0.0.1\n  server_port: {self.port}\n"
            "api:\nconfig:\n"
        )
        add = [HASS, "--script", "auth", "-c", str(directory), "add", NAME, SECRET]
        subprocess.run(add, check=True, capture_output=True, timeout=100)
        command: list[str | Path] = [HASS, "-c", directory, "--skip-pip"]
        self.process = ServerProcess("hass", command, directory / "hass.log", reaper)
        self._token = ""

    def is_ready(self) -> bool:
        """Return whether its API answers."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/api/", timeout=5).status_code in {200, 401}
        except httpx.HTTPError:
            return False

    def sign_in(self) -> None:
        """Get a token."""
        with httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30) as client:
            flow = {"client_id": CLIENT, "handler": ["homeassistant", None], "redirect_uri": CLIENT}
            flow_id = client.post("/auth/login_flow", json=flow).json()["flow_id"]
            values = {"client_id": CLIENT, "username": NAME, "password": SECRET}
            code = client.post(f"/auth/login_flow/{flow_id}", json=values).json()["result"]
            grant = {"grant_type": "authorization_code", "code": code, "client_id": CLIENT}
            self._token = client.post("/auth/token", data=grant).json()["access_token"]

    def request(self, method: str, path: str, body: object = None) -> Any:
        """Send a request to its API; return the answer, or None for 404."""
        headers = {"Authorization": f"Bearer {self._token}"}
        url = f"http://127.0.0.1:{self.port}/api/{path}"
        answer = httpx.request(method, url, json=body, headers=headers, timeout=30)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        assert answer.status_code < 300, answer.text
        return answer.json()

    def connect(self, port: int) -> None:
        """Add the MQTT integration."""
        flow = self.request("POST", "config/config_entries/flow", {"handler": "mqtt", "show_advanced_options": False})
        broker = {"broker": "127.0.0.1", "port": port, "username": USER, "password": PASSWORD}
        done = self.request("POST", f"config/config_entries/flow/{flow['flow_id']}", broker)
        assert done["type"] == "create_entry", done

    def state(self, entity: str) -> str:
        """Return an entity's state; empty if there is none."""
        found = self.request("GET", f"states/{entity}")
        return "" if found is None else str(found["state"])

    def until(self, entity: str, state: str, timeout_seconds: float = 60) -> None:
        """Wait for an entity's state."""
        eventually(lambda: self.state(entity) == state, timeout_seconds, f"{entity}={state}", poll_seconds=0.05)


@pytest.fixture
def hass(tmp_path: Path, scene: Scene) -> Iterator[HomeAssistant]:
    """Home Assistant, connected to the scene's broker."""
    reaper = Reaper()
    try:
        made = HomeAssistant(tmp_path, reaper)
        made.start()
        made.sign_in()
        made.connect(scene.broker.port)
        yield made
        made.kill()
    finally:
        reaper.close()


def test_home_assistant_shows_cameras_and_switches_them(scene: Scene, hass: HomeAssistant) -> None:
    with scene.backend.client(scene.root.token) as client:
        assert client.patch("/api/home-assistant/", json={"acts_as": "root"}).status_code == 200
    scene.report(0)
    hass.until("binary_sensor.gate_person", "off")
    hass.until("sensor.gate_status", "Streaming")
    delays = []
    for persons in (1, 0, 2, 0, 1):
        time.sleep(0.4)
        began = time.monotonic()
        scene.report(persons)
        hass.until("binary_sensor.gate_person", "on" if persons else "off")
        delays.append(time.monotonic() - began)
    print("delays from the heartbeat to the state:", [round(delay, 2) for delay in delays])
    assert statistics.median(delays) < 1.0, delays
    assert hass.state("sensor.gate_person_count") == "1"

    hass.request("POST", "services/switch/turn_off", {"entity_id": "switch.gate_detection"})
    hass.until("switch.gate_detection", "off")
    hass.until("binary_sensor.gate_person", "unavailable")
    hass.request("POST", "services/switch/turn_on", {"entity_id": "switch.gate_detection"})
    hass.until("switch.gate_detection", "on")
    scene.report(1)
    hass.until("binary_sensor.gate_person", "on")

    with scene.backend.client(scene.root.token) as client:
        client.patch(f"/api/cameras/{scene.camera}/", json={"name": "Harbour"})
    eventually(
        lambda: (
            hass.request("GET", "states/binary_sensor.gate_person")["attributes"]["friendly_name"] == "Harbour Person"
        )
    )

    def shows_the_person() -> bool:
        scene.report(1)  # as a detector does every 10 s
        return hass.state("binary_sensor.gate_person") == "on"

    hass.kill()
    hass.start()
    eventually(shows_the_person, 60, poll_seconds=2)
    scene.broker.kill()
    hass.until("binary_sensor.gate_person", "unavailable")
    scene.broker.start()
    eventually(shows_the_person, 60, poll_seconds=2)

    with scene.backend.client(scene.root.token) as client:
        assert client.delete(f"/api/cameras/{scene.camera}/").status_code == 204
    for entity in ("binary_sensor.gate_person", "switch.gate_detection", "event.gate_alert"):
        hass.until(entity, "")
