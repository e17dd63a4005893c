"""`vigil run` as a user starts it: output, alerts with images, Ctrl-C, and a second start."""

import io
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import av
import httpx
import pytest
from tests.cluster.processes import free_ports
from tests.integration.services.kept_inputs import link_demo_clip
from tests.integration.services.process_usage import usage_of
from tests.integration.services.vigil_run import Run


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def started() -> Iterator[list[Run]]:
    runs: list[Run] = []
    yield runs
    for run in runs:
        if run.process.poll() is None:
            run.stop()


@pytest.fixture
def taken_demo_port() -> Iterator[None]:
    """Something else on this machine listens on the demo's port, on every address."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):  # another process has it: just as taken
            holder.bind(("0.0.0.0", 8554))
            holder.listen()
        yield


@pytest.mark.slow
@pytest.mark.timeout(360)
@pytest.mark.usefixtures("taken_demo_port")
def test_first_run_shows_alerts_and_second_run_keeps_them(data: Path, started: list[Run]) -> None:
    link_demo_clip(data)
    (port,) = free_ports(1)
    first = Run(data, port)
    started.append(first)
    dashboard, user, password = (first.value(name) for name in ("Dashboard", "User", "Password"))
    ready = time.monotonic()
    assert dashboard == f"http://127.0.0.1:{port}/dashboard/"
    assert len(password) >= 12

    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10, verify=False) as api:
        token = api.post("/api/token/", json={"username": user, "password": password}).json()["token"]
        api.headers["Authorization"] = f"Token {token}"
        alerts: list[dict[str, object]] = []
        while not alerts:
            assert time.monotonic() - ready < 120, "\n".join(first.lines)
            alerts = api.get("/api/alerts/").json()["results"]
            time.sleep(0.5)
        picture = api.get(str(alerts[-1]["image"]))
        assert picture.headers["content-type"] == "image/jpeg"
        assert picture.content.startswith(b"\xff\xd8")
        camera = api.get("/api/cameras/").json()["results"][0]
        assert camera["name"] == "Demo yard"
        assert camera["health"]["phase"] == "Streaming"
        _expect_a_recording(api, f"/api/cameras/{camera['id']}/")

    children = first.children()
    assert len(children) == 3
    assert first.stop() == 0
    end = first.lines[first.lines.index("vigil: stopping the pipeline") :]
    assert [line for line in end if line.startswith("vigil: ")] == [
        *(f"vigil: stopping the {name}" for name in ("pipeline", "demo", "backend")),
        "vigil: stopped",
    ]
    assert not re.search("warn|error|exception", "\n".join(end), re.IGNORECASE)
    assert "    demo | port 8554 is taken; using a free one" in first.lines
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]
    assert not re.search("Traceback", "\n".join(first.lines))

    second = Run(data, port, DEMO="0")
    started.append(second)
    assert second.value("Password") == password
    assert time.monotonic() - second.began < 20
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Token {token}"}) as api:
        kept = api.get("/api/alerts/").json()["results"]
        assert {alert["id"] for alert in alerts} <= {alert["id"] for alert in kept}
        deadline = time.monotonic() + 10
        while api.get("/api/cameras/").json()["results"][0]["is_active"]:
            assert time.monotonic() < deadline, "DEMO=0 leaves the demo camera active"
            time.sleep(0.1)
    _assert_sleeps(second)
    assert second.stop() == 0


def _expect_a_recording(api: httpx.Client, camera: str) -> None:
    """Turn on recording, and play what is recorded as a player would: by the playlist, in byte ranges."""
    assert api.patch(camera, json={"recording": {"mode": "continuous"}}).status_code == 200
    began = datetime.now(UTC)
    period = {"from": began.isoformat(), "to": (began + timedelta(hours=1)).isoformat()}
    timeline: dict[str, list[dict[str, str]]] = {"recorded": []}
    deadline = time.monotonic() + 60
    while not timeline["recorded"] or _seconds(timeline["recorded"][0]) < 7:
        assert time.monotonic() < deadline, timeline
        time.sleep(0.5)
        timeline = api.get(f"{camera}recordings/", params=period).json()
    assert timeline["gaps"] == []
    assert len(timeline["recorded"]) == 1
    lines = api.get(f"{camera}recordings/playlist.m3u8", params=period).text.splitlines()
    (mapped,) = (line for line in lines if line.startswith("#EXT-X-MAP"))
    init_bytes = int(mapped.rpartition('="')[2].partition("@")[0])
    names = [line for line in lines if not line.startswith("#")]
    content = api.get(f"{camera}recordings/{names[0]}", headers={"Range": f"bytes=0-{init_bytes - 1}"}).content
    for name in names:
        part = api.get(f"{camera}recordings/{name}", headers={"Range": f"bytes={init_bytes}-"})
        assert part.status_code == 206
        content += part.content
    with av.open(io.BytesIO(content), "r") as container:
        times = [float(frame.time or 0.0) for frame in container.decode(video=0)]
    shown = datetime.fromisoformat(timeline["recorded"][0]["start"]).timestamp()
    assert times[0] == pytest.approx(shown, abs=0.1)
    assert 0 < max(later - former for former, later in pairwise(times)) < 0.5
    assert "#EXT-X-DISCONTINUITY" not in lines
    assert api.patch(camera, json={"recording": {"mode": "off"}}).status_code == 200


def _seconds(period: dict[str, str]) -> float:
    return (datetime.fromisoformat(period["end"]) - datetime.fromisoformat(period["start"])).total_seconds()


def _assert_sleeps(run: Run) -> None:
    """Without a camera nothing polls often. The bounds are three times what is used on an idle machine."""
    deadline = time.monotonic() + 20
    while (used := usage_of(run.process.pid, seconds=3)).wakeups > 36 or used.cpu_share > 0.02:
        assert time.monotonic() < deadline, f"still busy: {used}\n{run.output}"


def test_port_conflict_and_second_run_are_reported(data: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = int(holder.getsockname()[1])
        run = Run(data, port)
        assert run.process.wait(30) == 1
        run.reader.join(5)
    assert run.lines[-1] == f"vigil: port {port} is taken; choose another: make run PORT={port + 1}"


def test_ctrl_c_while_the_database_is_prepared_is_no_error(data: Path, started: list[Run]) -> None:
    run = Run(data, *free_ports(1), DEMO="0")
    started.append(run)
    deadline = time.monotonic() + 30
    while not run.lines:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(run.process.pid, signal.SIGINT)  # a terminal signals the whole foreground group
    assert run.process.wait(60) == 0
    run.reader.join(5)
    assert run.lines[-1] == "vigil: stopped"
    assert not re.search("Traceback|Warning", "\n".join(run.lines))


def test_error_names_the_camera_but_not_its_password(data: Path) -> None:
    run = Run(data, *free_ports(1), CAMERA="https://u:marked-password@camera/")
    assert run.process.wait(30) == 2
    run.reader.join(5)
    assert run.lines == ["CAMERA: must begin with rtsp:// or rtsps://"]
    assert not data.exists()
