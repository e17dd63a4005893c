"""The text of the systemd unit and of its environment file (systemd.exec(5), systemd.service(5)). Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vigil_standalone.settings import Settings

UNIT = "vigil.service"
_FIRST_UNPRIVILEGED_PORT = 1024
_WORKING_DIRECTORY = "WorkingDirectory="
_ENVIRONMENT_FILE = "EnvironmentFile="
_ASSIGNMENT = re.compile(r'^(\w+)="((?:[^"\\]|\\.)*)"$', re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Unit:
    """The properties of a unit that depend on the machine."""

    program: Path
    working_directory: Path
    user: str
    environment_file: Path
    writable: tuple[Path, ...]
    port: int


def environment_text(settings: Settings, environment: Mapping[str, str]) -> str:
    """Return the environment file: all settings, with absolute paths, and all `VIGIL_…` variables set here.

    It may contain a camera's password, so only the owner may have read access.
    """
    values = {name: value for name, value in environment.items() if name.startswith("VIGIL_") and value}
    if settings.camera is not None:
        values["CAMERA"] = settings.camera.get_secret_value()
    values |= {
        "MODEL": settings.model,
        "HOST": settings.host,
        "PORT": str(settings.port),
        "DEMO": "1" if settings.demo else "0",
        "VIGIL_DATA_DIR": str(settings.vigil_data_dir),
    }
    return "".join(f'{name}="{_escape(value)}"\n' for name, value in sorted(values.items()))


def environment_of(text: str) -> dict[str, str]:
    """Return the variables of an environment file written by `environment_text`."""
    return {name: re.sub(r"\\(.)", r"\1", value) for name, value in _ASSIGNMENT.findall(text)}


def _escape(value: str) -> str:
    for character in '\\"`$':
        value = value.replace(character, f"\\{character}")
    return value


def unit_text(unit: Unit) -> str:
    """Return the unit. Only `vigil run` receives SIGTERM, since it stops its parts in order."""
    low_port = "CAP_NET_BIND_SERVICE" if unit.port < _FIRST_UNPRIVILEGED_PORT else ""
    return f"""\
# Written by `make install-service`, which also updates it; `make uninstall-service` removes it.
[Unit]
Description=Vigil (cameras to alerts, on this machine)
After=network-online.target
Wants=network-online.target

[Service]
Type=exec
User={unit.user}
{_WORKING_DIRECTORY}{_specifiers(unit.working_directory)}
{_ENVIRONMENT_FILE}{_specifiers(unit.environment_file)}
ExecStart={_quote(unit.program).replace("$", "$$")} run
Restart=always
RestartSec=5
KillMode=mixed
TimeoutStopSec=60
LimitNOFILE=16384
UMask=0077

ProtectSystem=strict
ReadWritePaths={" ".join(map(_quote, unit.writable))}
PrivateTmp=yes
# The devices of graphics cards, for decoders; nothing else.
DevicePolicy=closed
DeviceAllow=char-drm rw
ProtectProc=invisible
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
NoNewPrivileges=yes
CapabilityBoundingSet={low_port}
AmbientCapabilities={low_port}
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
RemoveIPC=yes
KeyringMode=private
# No MemoryDenyWriteExecute: OpenVINO compiles the model's kernels at run time.

[Install]
WantedBy=multi-user.target
"""


def working_directory_of(text: str) -> Path | None:
    """Return the clone that a unit belongs to."""
    return _path_after(_WORKING_DIRECTORY, text)


def environment_file_of(text: str) -> Path | None:
    """Return the environment file that a unit names."""
    return _path_after(_ENVIRONMENT_FILE, text)


def _path_after(name: str, text: str) -> Path | None:
    for line in text.splitlines():
        if line.startswith(name):
            return Path(line.removeprefix(name).replace("%%", "%"))
    return None


def _specifiers(path: Path) -> str:
    return str(path).replace("%", "%%")


def _quote(path: Path) -> str:
    escaped = _specifiers(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
