"""Vigil as a systemd service that starts at boot: `make install-service` and `make uninstall-service`.

The service runs this clone's `vigil run` as the user who installs it. Only the unit file needs root; `sudo` installs
it.
"""

import os
import pwd
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from cctv.detectors.model_files import model_folder
from vigil_standalone.access import Access
from vigil_standalone.console import say, step
from vigil_standalone.ports import port_problem
from vigil_standalone.run import StartError, access_for, exclusive, is_ready
from vigil_standalone.service_unit import (
    UNIT,
    Unit,
    environment_file_of,
    environment_of,
    environment_text,
    unit_text,
    working_directory_of,
)
from vigil_standalone.settings import Settings
from vigil_standalone.state import USER, DataDirectory, storage_problem

_READY_SECONDS = 180.0


def last_settings(unit_folder: Path) -> dict[str, str]:
    """Return the variables of the installed service; empty if this clone has no service."""
    unit = unit_folder / UNIT
    text = unit.read_text() if unit.exists() else ""
    file = environment_file_of(text)
    if file is None or working_directory_of(text) != Path.cwd() or not file.exists():
        return {}
    return environment_of(file.read_text())


def install(settings: Settings, environment: Mapping[str, str], unit_folder: Path) -> int:
    """Install or update the service and start it; return the exit status. Raises `StartError`."""
    _require_systemctl()
    target = unit_folder / UNIT
    is_update = _is_installed_here(target)
    data = DataDirectory(settings.vigil_data_dir)
    is_first_start = not data.database.exists()
    try:
        data.prepare()
        model_folder().mkdir(parents=True, exist_ok=True)
        access = access_for(settings, data)
        if not is_update:
            _check_free(settings, data)
        data.write_secret("service.env", environment_text(settings, environment))
        staged = data.root / UNIT
        staged.write_text(unit_text(_unit(settings, data)))
    except OSError as error:
        raise StartError(storage_problem(error, data.root)) from error
    _as_root(
        ("install", "-m", "644", str(staged), str(target)),
        ("systemctl", "daemon-reload"),
        ("systemctl", "enable", UNIT),
        ("systemctl", "restart", UNIT),
    )
    _show(access, data, is_first_start)
    return 0


def uninstall(data: DataDirectory, unit_folder: Path) -> int:
    """Stop the service and remove it; the data stays. Return the exit status. Raises `StartError`."""
    _require_systemctl()
    target = unit_folder / UNIT
    if not _is_installed_here(target):
        say(f"vigil: {target} is not there; nothing to remove")
        return 0
    _as_root(("systemctl", "disable", "--now", UNIT), ("rm", str(target)), ("systemctl", "daemon-reload"))
    for leftover in (data.root / UNIT, data.secret_file("service.env")):
        leftover.unlink(missing_ok=True)
    say(f"vigil: the service is removed; cameras, alerts and keys stay in {data.root}")
    return 0


def _unit(settings: Settings, data: DataDirectory) -> Unit:
    return Unit(
        program=Path(sys.prefix) / "bin" / "vigil",
        working_directory=Path.cwd(),
        user=pwd.getpwuid(os.getuid()).pw_name,
        environment_file=data.secret_file("service.env"),
        writable=(data.root, model_folder().absolute()),
        port=settings.port,
    )


def _require_systemctl() -> None:
    if shutil.which("systemctl") is None:
        raise StartError("this machine has no systemctl: it is not run by systemd; start `make run` by its own means")


def _is_installed_here(target: Path) -> bool:
    """Return whether the unit exists. Raises `StartError` if it belongs to another clone."""
    if not target.exists():
        return False
    owner = working_directory_of(target.read_text())
    if owner != Path.cwd():
        raise StartError(f"{target} belongs to {owner}: run `make uninstall-service` there first")
    return True


def _check_free(settings: Settings, data: DataDirectory) -> None:
    """Raise `StartError` if data or port are in use. The service may listen on low ports as any user."""
    with exclusive(data):
        problem = port_problem(settings.port) if settings.port >= 1024 else None
    if problem:
        raise StartError(problem.replace("make run", "make install-service"))


def _as_root(*commands: Sequence[str]) -> None:
    prefix: tuple[str, ...] = ()
    if os.geteuid() != 0:
        if shutil.which("sudo") is None:
            lines = "\n".join(f"  {shlex.join(command)}" for command in commands)
            raise StartError(f"there is no sudo here; run these lines as root:\n{lines}")
        prefix = ("sudo",)
    for command in commands:
        say(f"vigil: {shlex.join((*prefix, *command))}")
        done = subprocess.run([*prefix, *command], check=False)
        if done.returncode != 0:
            raise StartError(f"`{shlex.join(command)}` failed with status {done.returncode}; its words are above")


def _show(access: Access, data: DataDirectory, is_first_start: bool) -> None:
    verify, deadline = access.verify(), time.monotonic() + _READY_SECONDS
    with step("waiting for the service"):
        while not is_ready(access.base_url, verify):
            if time.monotonic() > deadline:
                raise StartError(f"it does not answer after {_READY_SECONDS:.0f} s; see `journalctl --unit {UNIT}`")
            time.sleep(0.2)
    access.show()
    say(f"User: {USER}")
    say(f"Password: {data.read_secret('admin-password') if is_first_start else '(as before)'}")
    say(f"vigil: starts at boot; its log: journalctl --follow --unit {UNIT}")
