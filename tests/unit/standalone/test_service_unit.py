"""The systemd unit of `make install-service`, its environment file, and refused installations."""

import subprocess
from pathlib import Path

import pytest

from vigil_standalone import service
from vigil_standalone.run import StartError
from vigil_standalone.service_unit import (
    UNIT,
    Unit,
    environment_of,
    environment_text,
    unit_text,
    working_directory_of,
)
from vigil_standalone.settings import Settings
from vigil_standalone.state import DataDirectory

ODD = Path('/home/anna/50% of "it" for $5')
CAMERA = "rtsp://viewer:p`a$$w\"o\\r'd%25@camera.example/a?b=c&d"


def _unit(port: int = 8000) -> Unit:
    return Unit(ODD / "bin/vigil", ODD, "anna", ODD / "service.env", (ODD / "data", Path("/srv/models")), port)


def _read_by_sh(text: str, folder: Path) -> dict[str, str]:
    """Return the variables as a POSIX shell reads them: systemd's format is that of the shell without expansion."""
    file = folder / "service.env"
    file.write_text(text)
    command = ["sh", "-c", 'set -a; . "$1"; env -0', "sh", str(file)]
    shown = subprocess.run(command, env={}, capture_output=True, text=True, check=True).stdout
    return dict(each.split("=", 1) for each in shown.split("\0") if each)


def test_settings_round_trip_through_the_environment_file(tmp_path: Path) -> None:
    settings = Settings(camera=CAMERA, model="demo", port=8443, host="0.0.0.0", demo=False, vigil_data_dir=ODD)
    given = {"VIGIL_MODEL_DIR": "/srv/models", "VIGIL_PUBLIC_URL": "", "PATH": "/bin", "AWS_SECRET": "not ours"}

    text = environment_text(settings, given)
    read = _read_by_sh(text, tmp_path)

    values = {name: value for name, value in read.items() if name not in {"_", "PWD", "SHLVL", "OLDPWD"}}
    assert environment_of(text) == values
    assert values == {
        "CAMERA": CAMERA,
        "MODEL": "demo",
        "HOST": "0.0.0.0",
        "PORT": "8443",
        "DEMO": "0",
        "VIGIL_DATA_DIR": str(ODD),
        "VIGIL_MODEL_DIR": "/srv/models",
    }


def test_paths_are_escaped_for_systemd() -> None:
    lines = unit_text(_unit()).splitlines()
    assert 'ExecStart="/home/anna/50%% of \\"it\\" for $$5/bin/vigil" run' in lines
    assert 'WorkingDirectory=/home/anna/50%% of "it" for $5' in lines
    assert 'ReadWritePaths="/home/anna/50%% of \\"it\\" for $5/data" "/srv/models"' in lines
    assert working_directory_of(unit_text(_unit())) == ODD


@pytest.mark.parametrize(("port", "capability"), [(443, "CAP_NET_BIND_SERVICE"), (1024, "")])
def test_only_a_low_port_needs_a_capability(port: int, capability: str) -> None:
    lines = unit_text(_unit(port)).splitlines()
    assert f"AmbientCapabilities={capability}" in lines
    assert f"CapabilityBoundingSet={capability}" in lines


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of programs: `systemctl` is there, `sudo` is not."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "systemctl").write_text("#!/bin/sh\nexit 1\n")
    (folder / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return folder


def test_a_machine_without_systemd_is_named(programs: Path, tmp_path: Path) -> None:
    (programs / "systemctl").unlink()
    with pytest.raises(StartError, match="has no systemctl: it is not run by systemd"):
        service.uninstall(DataDirectory(tmp_path), tmp_path)


@pytest.mark.usefixtures("programs")
def test_service_of_another_clone_is_not_changed(tmp_path: Path) -> None:
    (tmp_path / UNIT).write_text(unit_text(_unit()))
    with pytest.raises(
        StartError, match=r"vigil\.service belongs to /home/anna/.*run `make uninstall-service` there"
    ):
        service.uninstall(DataDirectory(tmp_path), tmp_path)


@pytest.mark.usefixtures("programs")
def test_commands_for_root_are_printed_without_sudo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    unit = Unit(Path("/x/vigil"), Path.cwd(), "anna", Path("/x/env"), (), 8000)
    (tmp_path / UNIT).write_text(unit_text(unit))
    with pytest.raises(StartError) as caught:
        service.uninstall(DataDirectory(tmp_path), tmp_path)
    assert str(caught.value).splitlines() == [
        "there is no sudo here; run these lines as root:",
        "  systemctl disable --now vigil.service",
        f"  rm {tmp_path}/vigil.service",
        "  systemctl daemon-reload",
    ]
    assert (tmp_path / UNIT).exists()


@pytest.mark.usefixtures("programs")
def test_a_command_that_fails_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    unit = Unit(Path("/x/vigil"), Path.cwd(), "anna", Path("/x/env"), (), 8000)
    (tmp_path / UNIT).write_text(unit_text(unit))
    with pytest.raises(StartError, match=r"`systemctl disable --now vigil\.service` failed with status 1"):
        service.uninstall(DataDirectory(tmp_path), tmp_path)
