"""A running `cctv` with a full disk, and with a configuration of another version."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster.polling import eventually
from tests.integration.services.backend import BackendServer, BackendUser
from tests.integration.services.detector import DetectorProcess, detector
from tests.integration.services.rtsp import gst_rtsp_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Gate:
    """A camera with a standing person, and its detector. Each new rule reports the person once."""

    def __init__(self, backend: BackendServer, user_token: str, camera: int, cctv: DetectorProcess) -> None:
        self.backend, self.user_token, self.camera, self.cctv = backend, user_token, camera, cctv

    def watch_by(self, rule: str) -> None:
        with self.backend.client(self.user_token) as client:
            detection = {"classes": ["person"], "rules": [{"name": rule, "type": "object"}]}
            client.patch(f"/api/cameras/{self.camera}/", json={"detection": detection}).raise_for_status()

    def told_by(self) -> set[str]:
        return {alert["rule"] for alert in self.backend.alerts(self.user_token)}

    def alert_rules(self) -> list[str]:
        """Return the rule of each stored alert."""
        return [alert["rule"] for alert in self.backend.alerts(self.user_token)]

    def metric(self, name: str, **labels: str) -> float:
        return self.cctv.metric(name, camera=str(self.camera), **labels)

    def looked_at(self) -> float:
        return sum(self.metric("vigil_frames_total", stage=stage) for stage in ("gated", "analysed"))

    def health(self) -> dict[str, str]:
        with self.backend.client(self.user_token) as client:
            found: dict[str, str] = client.get(f"/api/cameras/{self.camera}/").json()["health"]
        return found


@pytest.fixture
def gate(
    backend: BackendServer,
    anna: BackendUser,
    pipeline_token: str,
    model_folder: Path,
    standing: Path,
    small_disk: Path,
    tmp_path: Path,
) -> Iterator[Gate]:
    settings = {"VIGIL_MODEL": str(model_folder), "VIGIL_SPOOL_DIR": str(small_disk / "spool")}
    with (
        gst_rtsp_server(standing, plays=0) as server,
        detector(tmp_path / "cctv", api_url=backend.url, token=pipeline_token, settings=settings) as cctv,
    ):
        number = backend.add_camera(anna.token, name="gate", rtsp_url=server.url)
        gate = Gate(backend, anna.token, number, cctv)
        gate.watch_by("first")
        eventually(lambda: gate.told_by() == {"first"}, 60, "the first rule tells")
        yield gate
        assert server.plays == 1, "the stream went on all the while"


def fill(disk: Path) -> Path:
    """Fill the disk completely, including space that the spool frees."""
    path, waiting = disk / "other", disk / "spool" / "waiting"

    def is_full() -> bool:
        held = list(waiting.glob("*/*"))
        with path.open("ab", buffering=0) as file:
            before = file.tell()
            for size in (65536, 4096):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(b"x" * size)
            return not held and file.tell() == before

    eventually(is_full, 30, "the spool has sent all that it held, and the disk has no room")
    return path


def test_alert_is_stored_once_after_a_full_disk_is_freed(gate: Gate, small_disk: Path) -> None:
    other = fill(small_disk)
    gate.watch_by("second")
    refused = "could not write an alert: No space left on device; kept in memory, retrying"
    eventually(lambda: refused in gate.cctv.output, 30, "the log says that the disk is full")
    assert gate.metric("vigil_stream_up") == 1
    assert gate.cctv.is_ready()

    other.unlink()
    gate.watch_by("third")
    eventually(lambda: gate.told_by() >= {"first", "second", "third"}, 30, "there is room again, and all arrive")
    assert sorted(gate.alert_rules()) == ["first", "second", "third"]
    assert gate.metric("vigil_spool_alerts") == 0
    assert "Traceback" not in gate.cctv.output


def test_unknown_configuration_is_reported_and_the_old_one_kept(gate: Gate) -> None:
    strange = {"classes": ["person"], "rules": [{"name": "second", "type": "levitation"}]}
    gate.backend.manage(
        "shell",
        "-c",
        "import json; from surveillance.models import Camera; "
        f"camera = Camera.objects.get(pk={gate.camera}); camera.detection = json.loads({json.dumps(strange)!r}); "
        "camera.save()",
    )
    eventually(lambda: gate.health()["reason"] == "InvalidSpec", 30, "the camera says so")
    told = gate.health()
    assert told["phase"] == "Degraded"
    assert "does not understand the camera's configuration: detection.rules.0" in told["message"]
    assert "The former settings stay in use." in told["message"]
    looked_at = gate.looked_at()
    eventually(lambda: gate.looked_at() > looked_at + 5, 20, "pictures are analysed as before")

    gate.watch_by("third")
    eventually(lambda: gate.health()["reason"] == "Streaming", 30, "all is well again")
    eventually(lambda: "third" in gate.told_by(), 30, "the new rule is in use")
