"""Commands for the backend's host and a clone: management commands and `cctv replay`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from tests.integration.docs.blocks import ROOT, block, runs
from tests.integration.services.backend import backend_server
from tests.integration.services.made_clips import make_clip

from vigil_contracts.evidence_verifier import public_key_of

PROGRAMS = Path(sys.executable).parent
REPLAYS = (
    "rules.md/Rules/1",
    "tutorial.md/3. Choose what to report/1",
    "model.md/Test the model on a recording/1",
)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone after `make run`: the programs, the rules, a clip of the demo camera, and a custom model."""
    (tmp_path / ".venvs").mkdir()
    (tmp_path / ".venvs" / "standalone").symlink_to(PROGRAMS.parent)
    (tmp_path / "docs").mkdir()
    for rules in (tmp_path / "docs" / "rules.yaml", tmp_path / "rules.yaml"):
        shutil.copy(ROOT / "docs" / "rules.yaml", rules)
    clip = tmp_path / "data" / "demo" / "demo-yard.mp4"
    clip.parent.mkdir(parents=True)
    make_clip(clip)
    shutil.copy(clip, tmp_path / "yard.mp4")
    own = tmp_path / "models" / "weights_int8_openvino_model"
    own.parent.mkdir()
    own.symlink_to(ROOT / "detector_image" / "cctv" / "models" / "demo")
    return tmp_path


@runs(*REPLAYS)
def test_replay_commands_work(clone: Path) -> None:
    for name in REPLAYS:
        block(name).run(cwd=clone)
        assert (clone / "out.mp4").stat().st_size > 0
        (clone / "out.mp4").unlink()


RETENTION = "backend.md/How long alerts are kept/1"


@runs(RETENTION)
def test_retention_and_sweep_commands_work(tmp_path: Path) -> None:
    with backend_server(tmp_path / "backend") as backend:
        own = {key: value for key, value in backend.environment.items() if key.startswith(("VIGIL_", "DJANGO_"))}
        block(RETENTION).run(cwd=tmp_path, environment={**own, "PATH": f"{PROGRAMS}:{os.environ['PATH']}"})


EVIDENCE_KEY = "evidence.md/The key/1"


@runs(EVIDENCE_KEY)
def test_evidence_key_is_one_that_the_export_takes(tmp_path: Path) -> None:
    block(EVIDENCE_KEY).run(cwd=tmp_path)
    key = load_pem_private_key((tmp_path / "evidence.pem").read_bytes(), password=None)
    assert isinstance(key, Ed25519PrivateKey)
    assert len(public_key_of((tmp_path / "evidence-public.pem").read_bytes())) == 32


SYSTEMD = ("backend.md/systemd/2", "backend.md/systemd/4")
SYSTEMD_RUN = """#!{python}
# Does for a transient service what systemd does: credentials, the environment file, the variables, the command.
import os, pathlib, shutil, sys
folder = pathlib.Path("{root}/credentials")
folder.mkdir(exist_ok=True)
environment = {{"PATH": os.environ["PATH"], "CREDENTIALS_DIRECTORY": str(folder)}}
arguments = sys.argv[1:]
while arguments[0].startswith("--"):
    option, _, value = arguments.pop(0).partition("=")
    name, _, rest = value.partition("=")
    if option == "--setenv":
        environment[name] = rest
    elif name == "LoadCredential":
        shutil.copy(rest.partition(":")[2], folder / rest.partition(":")[0])
    elif name == "EnvironmentFile":
        lines = pathlib.Path(rest.removeprefix("-")).read_text().splitlines()
        environment.update(line.split("=", 1) for line in lines if line)
os.execve(arguments[0], arguments, environment)
"""


def script(path: Path, text: str) -> None:
    """Write an executable."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.mark.timeout(180)
@runs(*SYSTEMD)
def test_systemd_guide_commands_work(tmp_path: Path) -> None:
    """Uses replacements for systemd and the user `vigil`; paths are below a temporary folder."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "data").mkdir()
    fakes = tmp_path / "bin"
    for name in ("systemctl", "chgrp"):
        script(fakes / name, "#!/bin/sh\n")
    script(fakes / "systemd-run", SYSTEMD_RUN.format(python=sys.executable, root=tmp_path))
    places = {"/etc/vigil": f"{tmp_path}/etc/vigil", "/opt/vigil/.venv": str(PROGRAMS.parent)}
    manage = (ROOT / "manifests" / "systemd" / "vigil-manage").read_text()
    for old, new in {**places, "/var/lib/vigil": f"{tmp_path}/data"}.items():
        assert old in manage
        manage = manage.replace(old, new)
    script(fakes / "vigil-manage", manage)
    environment = {"PATH": f"{fakes}:{os.environ['PATH']}"}
    replace = {"/etc/vigil": places["/etc/vigil"]}

    block(SYSTEMD[0]).run(cwd=tmp_path, environment=environment, replace=replace)
    keys = tmp_path / "etc" / "vigil"
    assert all((keys / name).stat().st_mode & 0o077 == 0 for name in ("secret-key", "credential-keys"))
    settings = dict(line.split("=", 1) for line in (keys / "backend.env").read_text().splitlines())

    # The backend's first start, which migrates.
    subprocess.run([fakes / "vigil-manage", "migrate", "--verbosity=0"], env=environment, check=True, timeout=120)
    block(SYSTEMD[1]).run(cwd=tmp_path, environment=environment, replace=replace)

    token = (keys / "pipeline-token").read_text().strip()
    password = (keys / "admin-password").read_text().strip()
    own = {
        **settings,
        "VIGIL_DATA_DIR": str(tmp_path / "data"),
        "VIGIL_SECRET_KEY": (keys / "secret-key").read_text().strip(),
        "VIGIL_CREDENTIAL_KEYS": (keys / "credential-keys").read_text().strip(),
        "VIGIL_INSECURE_HTTP": "0",
        "VIGIL_BEHIND_TLS_PROXY": "1",
    }
    with backend_server(tmp_path / "log", environment=own, is_migrated=True) as backend:
        with backend.client(token) as client:
            assert client.get("/api/active-cameras/").status_code == 200, "the pipeline asks 127.0.0.1"
        with backend.client() as client:
            body = {"username": "admin", "password": password}
            answers = [
                client.post("/api/token/", json=body, headers={"Host": host}).status_code
                for host in ("vigil.example", "other.example")
            ]
        assert answers == [200, 400]
