"""Clients that openapi-python-client and openapi-typescript generate from docs/openapi.yaml, against the backend.

Their environments are `.venvs/openapi` (`bash tools/setup.sh .venvs/openapi locks/openapi.txt`) and
`.venvs/openapi-typescript` (`bash tools/setup_node.sh`), as `make test` does.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.integration.services.backend import BackendServer, backend_server
from tests.integration.services.requirements import skip_without

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
SCHEMA = ROOT / "docs/openapi.yaml"
PYTHON_TOOLS = ROOT / ".venvs/openapi/bin"
NODE_MODULES = ROOT / ".venvs/openapi-typescript/node_modules"
USERS = ("python", "typescript")
EVENTS = 5
# One process makes everything: each management command takes seconds to start.
MAKE_SCENES = f"""
import json
from django.contrib.auth.models import User
from vigil_apps.accounts.scopes import Scope
from vigil_apps.accounts.services import token_create
from surveillance.models import Alert, Camera
scenes = {{}}
for name in {USERS!r}:
    user = User.objects.create_user(name)
    camera = Camera.objects.create(user=user, name="Gate", rtsp_url="rtsp://192.0.2.6/1")
    for number in range({EVENTS}):
        Alert.objects.create(
            camera=camera, event_id=f"event-000{{number}}", alert_type="person", confidence=0.9,
            timestamp=camera.created_at,
        )
    scenes[name] = token_create(user=user, scope=Scope.USER)
print(json.dumps(scenes))
"""


@dataclass(frozen=True)
class Scene:
    """A user who has the camera "Gate" with `EVENTS` alerts."""

    backend: BackendServer
    token: str
    alert_ids: list[int]
    """Newest first."""

    def run(self, command: list[str | Path], cwd: Path) -> dict[str, Any]:
        """Run a program that uses a generated client, and return what it prints."""
        environment = {"VIGIL_URL": self.backend.url, "VIGIL_TOKEN": self.token}
        return dict(json.loads(_output(command, cwd, environment)))


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Scene]]:
    """One backend on SQLite, with a user for each client."""
    with backend_server(tmp_path_factory.mktemp("openapi") / "backend") as backend:
        tokens = json.loads(backend.manage("shell", "--verbosity=0", "--command", MAKE_SCENES))
        found = {}
        for name, token in tokens.items():
            alert_ids = [alert["id"] for alert in backend.alerts(token)]
            assert len(alert_ids) == EVENTS
            found[name] = Scene(backend, token, alert_ids)
        yield found


def _output(command: list[str | Path], cwd: Path, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **(environment or {})}, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _check(scene: Scene, found: dict[str, Any]) -> None:
    newest = scene.alert_ids[0]
    assert found["cameras"] == ["Gate"]
    assert found["pages"] == [scene.alert_ids[0:2], scene.alert_ids[2:4], scene.alert_ids[4:]]
    assert found["acknowledged"] == [newest, True]
    with scene.backend.client(scene.token) as client:
        assert client.get(f"/api/cameras/{found['created']}/").json()["name"] == "Yard"
        assert [id_ for id_ in scene.alert_ids if client.get(f"/api/alerts/{id_}/").json()["acknowledged"]] == [
            newest
        ]


def test_client_of_openapi_python_client(scenes: dict[str, Scene], tmp_path: Path) -> None:
    generator = PYTHON_TOOLS / "openapi-python-client"
    if not generator.exists():
        pytest.skip(f"no {generator.relative_to(ROOT)}: bash tools/setup.sh .venvs/openapi locks/openapi.txt")
    client = tmp_path / "vigil_client"
    command: list[str | Path] = [generator, "generate", "--path", SCHEMA, "--output-path", client, "--meta", "none"]
    config: list[str | Path] = ["--config", ROOT / "docs/openapi-python-client.yaml"]
    # It formats its output with the ruff of its environment; a missing ruff is only a warning.
    path = {"PATH": f"{PYTHON_TOOLS}{os.pathsep}{os.environ['PATH']}"}
    _output([*command, *config, "--fail-on-warning"], tmp_path, path)
    operations = {path.stem for path in client.glob("api/*/*.py")} - {"__init__"}
    assert operations == _operation_ids(), "it left out or added operations"
    shutil.copy(HERE / "python_program.py", tmp_path)
    scene = scenes["python"]
    _check(scene, scene.run([PYTHON_TOOLS / "python", "python_program.py"], tmp_path))


def _operation_ids() -> set[str]:
    document = yaml.load(SCHEMA.read_bytes(), Loader=yaml.CSafeLoader)
    return {operation["operationId"] for methods in document["paths"].values() for operation in methods.values()}


def test_client_of_openapi_typescript(scenes: dict[str, Scene], tmp_path: Path) -> None:
    if shutil.which("node") is None:
        skip_without("node (then run bash tools/setup_node.sh)", "nodejs", "npm")
    if not NODE_MODULES.exists():
        pytest.skip(f"no {NODE_MODULES.relative_to(ROOT)}: bash tools/setup_node.sh")
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    shutil.copy(HERE / "typescript_program.mts", tmp_path)
    bin_ = NODE_MODULES / ".bin"
    _output([bin_ / "openapi-typescript", SCHEMA, "--output", "vigil.d.ts"], tmp_path)
    options = ["--strict", "--module", "nodenext", "--target", "es2022", "--skipLibCheck", "--types", "node"]
    _output([bin_ / "tsc", *options, "typescript_program.mts"], tmp_path)
    scene = scenes["typescript"]
    _check(scene, scene.run(["node", "typescript_program.mjs"], tmp_path))
