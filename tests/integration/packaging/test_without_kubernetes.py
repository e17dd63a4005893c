"""The compose file and the conda environment: valid settings and generated secrets."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from cctv.config import Settings
from surveillance_backend.environment import Environment

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "manifests" / "compose"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS: dict[str, type[BaseModel]] = {
    "bootstrap": Environment,
    "backend": Environment,
    "worker": Environment,
    "pipeline": Settings,
}


def test_compose_settings_exist() -> None:
    for name, settings in OURS.items():
        known = {_variable(field, info) for field, info in settings.model_fields.items()}
        assert SERVICES[name]["environment"].keys() <= known, name


def test_compose_services_are_built_and_unprivileged() -> None:
    for name in OURS:
        service = SERVICES[name]
        build = service["build"]
        assert (FOLDER / build["context"] / build["dockerfile"]).is_file()
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
        assert "privileged" not in service


def test_compose_ports_are_loopback_only() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published == ["127.0.0.1:8000:8000"]
    for store in ("postgresql", "redis"):
        assert SERVICES[store]["networks"] == ["inside"]
    assert COMPOSE["networks"]["inside"]["internal"] is True


def test_compose_references_exist() -> None:
    for name, service in SERVICES.items():
        assert set(service.get("secrets", [])) <= COMPOSE["secrets"].keys(), name
        assert {volume.partition(":")[0] for volume in service.get("volumes", [])} <= COMPOSE["volumes"].keys(), name
        assert set(service.get("depends_on", {})) <= SERVICES.keys(), name


def test_bootstrap_accepts_the_generated_secrets(tmp_path: Path) -> None:
    made = _secrets(tmp_path)
    again = _secrets(tmp_path)
    assert made == again, "secrets that are there must stay"
    assert made.keys() == {Path(each["file"]).name for each in COMPOSE["secrets"].values()}
    assert re.fullmatch(r"DATABASE_PASSWORD=[A-Za-z0-9]{32}\n", (tmp_path / ".env").read_text())
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0

    def here(text: str) -> str:
        return text.replace("/run/secrets", str(tmp_path / "secrets"))

    service = SERVICES["bootstrap"]
    environment = {name: here(value) for name, value in service["environment"].items() if name != "REDIS_URL"}
    environment |= {
        "DATABASE_URL": f"sqlite:///{tmp_path}/vigil.sqlite3",
        "VIGIL_MEDIA_DIR": str(tmp_path / "media"),
        "DJANGO_SETTINGS_MODULE": "surveillance_backend.settings",
        "PATH": os.environ["PATH"],
    }
    program, *arguments = map(here, service["command"])
    done = subprocess.run(
        [Path(sys.executable).with_name(program), *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "pipeline token compose created" in done.stderr


def test_conda_environment_matches_the_lock_files() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    *plain, with_pip = environment["dependencies"]
    (python,) = [each for each in plain if each.startswith("python=")]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert SpecifierSet(project["requires-python"]).contains(python.partition("=")[2])
    assert all(re.fullmatch(r"[a-z]+=[\d.]+", each) for each in plain), "conda's packages have versions"
    locks = [option.removeprefix("--requirement ") for option in with_pip["pip"]]
    assert locks == ["locks/standalone.txt", "locks/build.txt"], "what builds packages is pinned by hash, too"
    runtime, build = (_versions(ROOT / lock) for lock in locks)
    differing = {name for name in runtime.keys() & build.keys() if runtime[name] != build[name]}
    assert differing == set(), "pip installs both files at once, and refuses two versions of a package"
    extras = project["optional-dependencies"]
    wanted = {Requirement(each).name.lower() for extra in ("backend", "detector") for each in extras[extra]}
    assert wanted <= runtime.keys()


def _versions(lock: Path) -> dict[str, set[str]]:
    """Return each package of a lock file with its versions; a package may have one per Python version."""
    versions: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9][^=\s]*)==([^\s;]+)", lock.read_text(), re.MULTILINE):
        versions.setdefault(name, set()).add(version)
    return versions


def _secrets(folder: Path) -> dict[str, str]:
    script = folder / "make-secrets.sh"
    script.write_text((FOLDER / "make-secrets.sh").read_text())
    subprocess.run(["sh", script], check=True, timeout=20)
    return {file.name: file.read_text() for file in (folder / "secrets").iterdir()}


def _variable(field: str, info: FieldInfo) -> str:
    return str(info.validation_alias) if info.validation_alias else f"VIGIL_{field.upper()}"
