"""The examples of the README and of the documentation do what these say."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from tests.integration.services.backend import BackendServer

ROOT = Path(__file__).parents[3]


def test_its_curl_lines_get_a_token_add_a_camera_and_list_alerts(backend: BackendServer) -> None:
    user = backend.create_user("admin")
    block = re.search(r"```sh\n(curl.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert block is not None
    text = block[1].replace("localhost:8000", backend.url).replace("…", user.password, 1)
    commands = re.sub(r"\\\n\s*", "", text).splitlines()
    assert len(commands) == 3
    answers = [
        json.loads(
            subprocess.run(
                ["bash", "-c", command],
                env={"PATH": "/usr/bin:/bin", "TOKEN": user.token},
                capture_output=True,
                text=True,
                check=True,
                timeout=60,
            ).stdout
        )
        for command in commands
    ]
    assert answers[0]["token"]
    assert (answers[1]["name"], answers[1]["rtsp_url"]) == ("Gate", "rtsp://***@192.168.1.20/stream1")
    assert answers[2]["results"] == []


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("tutorial.md", {"name": "Gate", "rtsp_url": "rtsp://***@192.168.1.20/stream1", "is_active": True}),
        ("notifications.md", {"name": "Nights", "channel": "webhook", "alert_types": ["person"]}),
    ],
)
def test_curl_lines_of_the_documentation(backend: BackendServer, page: str, expected: dict[str, object]) -> None:
    user = backend.create_user("admin")
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)
    (script,) = [block for block in blocks if "/api/" in block]
    finished = subprocess.run(
        ["bash", "-euc", script.replace("localhost:8000", backend.url).replace("…", user.password)],
        env={"PATH": os.environ["PATH"], "TOKEN": user.token},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    answer = json.loads(finished.stdout)
    made = answer.get("subscription", answer)  # a subscription's answer holds its secret beside it
    assert {name: made[name] for name in expected} == expected
