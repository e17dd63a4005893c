"""The API examples of README.md and docs/ work against a running backend."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from tests.integration.docs.blocks import block, runs
from tests.integration.services.backend import BackendServer


@runs("README.md/The API/1")
def test_readme_curl_commands_work(backend: BackendServer, tmp_path: Path) -> None:
    user = backend.create_user("admin")
    printed = block("README.md/The API/1").run(
        cwd=tmp_path, environment={"TOKEN": user.token}, replace={"localhost:8000": backend.url, "…": user.password}
    )
    answers = json_documents(printed)
    assert len(answers) == 3
    assert answers[0]["token"]
    assert (answers[1]["name"], answers[1]["rtsp_url"]) == ("Gate", "rtsp://***@192.168.1.20/stream1")
    assert answers[2]["results"] == []


@runs("tutorial.md/2. Add a camera of your own/2")
def test_tutorial_adds_a_camera(backend: BackendServer, tmp_path: Path) -> None:
    user = backend.create_user("admin")
    printed = block("tutorial.md/2. Add a camera of your own/2").run(
        cwd=tmp_path, replace={"localhost:8000": backend.url, "…": user.password}
    )
    camera = json.loads(printed)
    assert (camera["name"], camera["rtsp_url"]) == ("Gate", "rtsp://***@192.168.1.20/stream1")
    assert camera["is_active"] is True


@runs("notifications.md/Notifications/1")
def test_notifications_page_adds_a_subscription(backend: BackendServer, tmp_path: Path) -> None:
    user = backend.create_user("admin")
    printed = block("notifications.md/Notifications/1").run(
        cwd=tmp_path, environment={"TOKEN": user.token}, replace={"localhost:8000": backend.url}
    )
    made = json.loads(printed)["subscription"]
    assert (made["name"], made["channel"], made["alert_types"]) == ("Nights", "webhook", ["person"])


@runs("events.md/Event stream/1")
def test_events_page_adds_an_event_stream(backend: BackendServer, tmp_path: Path) -> None:
    user = backend.create_user("admin")
    printed = block("events.md/Event stream/1").run(
        cwd=tmp_path, environment={"TOKEN": user.token}, replace={"localhost:8000": backend.url}
    )
    made = json.loads(printed)["subscription"]
    assert (made["format"], made["target"]["url"]) == ("cloudevents", "kafkas://***@broker.example:9093")


@runs("backend.md/Recordings/1")
def test_backend_page_lists_recordings_and_gaps(backend: BackendServer, tmp_path: Path) -> None:
    user = backend.create_user("admin")
    camera = backend.add_camera(user.token, name="Gate", rtsp_url="rtsp://192.168.1.20/stream1")
    start = datetime(2026, 11, 29, 12, 10, tzinfo=UTC)
    start_ms = round(start.timestamp() * 1000)
    gap = {"start_ms": start_ms, "end_ms": start_ms + 60_000, "reason": "SpoolFull"}
    with backend.client(backend.token("admin", "pipeline")) as client:
        path = f"/api/cameras/{camera}/recordings/"
        assert client.post(path, json={"segments": [], "gaps": [gap]}).status_code == httpx.codes.OK
    printed = block("backend.md/Recordings/1").run(
        cwd=tmp_path,
        environment={"TOKEN": user.token},
        replace={"http://localhost:8000": backend.url, "/cameras/7/": f"/cameras/{camera}/"},
    )
    answer = json.loads(printed)
    assert answer["recorded"] == []
    (shown,) = answer["gaps"]
    assert (shown["start"], shown["end"], shown["reason"]) == (
        "2026-11-29T12:10:00Z",
        "2026-11-29T12:11:00Z",
        "SpoolFull",
    )


def json_documents(text: str) -> list[Any]:
    """Return the consecutive JSON documents in the text."""
    found, rest = [], text.strip()
    while rest:
        document, end = json.JSONDecoder().raw_decode(rest)
        found.append(document)
        rest = rest[end:].strip()
    return found
