"""Run Apprise in a separate process: read one JSON object, send one message, write one JSON object, exit.

Apprise URLs come from users, and there are plug-ins that connect to any host, read files that the URL names, or start
programs. Before the URL is parsed, an audit hook (PEP 578) is installed that no code in the process can remove. It
permits connections to checked addresses only, files of Python and its TLS only, and no programs. A hook could not
contain malicious code, but Apprise is trusted; only the URL is not.
"""

import json
import logging
import os
import re
import site
import ssl
import sys
import sysconfig
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from vigil_contracts.addresses import PublicAddresses

_FORBIDDEN_EVENTS = frozenset(
    ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "os.remove", "os.rename")
) | frozenset(("os.mkdir", "os.rmdir", "os.chmod", "os.chown", "os.link", "os.symlink", "shutil.rmtree"))
_LOCAL_SCHEMES = ("syslog", "dbus", "qt", "kde", "glib", "gnome", "macosx", "windows", "file", "vapid")
_STATUS = re.compile(r"error=(\d{3})\b")


class ForbiddenError(OSError):
    """An operation that the process is not permitted to perform."""


class _Guard:
    """The audit hook. It records what it has denied, since plug-ins swallow errors."""

    def __init__(self, addresses: PublicAddresses) -> None:
        self.refused = ""
        self._addresses = addresses
        self._readable = tuple(_own_folders())

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
            self._check_address(arguments[1])
        elif event == "socket.bind":
            self._refuse("it listens on the network")
        elif event in _FORBIDDEN_EVENTS or event.startswith("syslog."):
            self._refuse("it starts programs or changes files of this server")
        elif event == "open":
            self._check_file(arguments[0], arguments[1])

    def _check_address(self, address: object) -> None:
        host = address[0] if isinstance(address, tuple) and address else ""
        try:
            is_permitted = isinstance(host, str) and self._addresses.permits(host.partition("%")[0])
        except ValueError:  # a host name, which the operating system would resolve, or a Unix socket
            is_permitted = False
        if not is_permitted:
            self._refuse("its address is in a network that VIGIL_NOTIFY_NETWORKS does not allow")

    def _check_file(self, path: object, mode: object) -> None:
        if isinstance(path, int):
            return
        real = os.path.realpath(os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else "/")
        if real == os.devnull:
            return
        if (isinstance(mode, str) and set(mode) & set("wax+")) or not real.startswith(self._readable):
            self._refuse("it reads or writes files of this server")

    def _refuse(self, what: str) -> None:
        self.refused = self.refused or what
        raise ForbiddenError(what)


def _own_folders() -> list[str]:
    paths = ssl.get_default_verify_paths()
    found = [*sysconfig.get_paths().values(), *site.getsitepackages(), sys.prefix, sys.base_prefix]
    found += [path for path in (paths.cafile, paths.openssl_cafile) if path]
    found += [path for path in (paths.capath, paths.openssl_capath) if path]
    found += ["/usr/share/zoneinfo", "/etc/mime.types", "/etc/services", "/etc/hosts", "/etc/nsswitch.conf"]
    real = [Path(path).resolve() for path in found]
    return [f"{path}/" if path.is_dir() else str(path) for path in real]


class _Statuses(logging.Handler):
    """Keeps only HTTP statuses of Apprise's log: the rest may contain the URL or text of a service."""

    def __init__(self) -> None:
        super().__init__()
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        found = _STATUS.search(record.getMessage())
        self.last = found[1] if found else self.last


def answer(question: Mapping[str, Any]) -> dict[str, Any]:
    """Check the URL and, if there is a body, send it.

    `error` is missing on success; `recipients` is the number of recipients that the URL names.
    """
    import apprise  # loads its plug-ins, before the guard is active

    manager = apprise.plugins.N_MGR
    manager.load_modules()
    statuses = _Statuses()
    logger = logging.getLogger("apprise")
    logger.handlers, logger.propagate = [statuses], False
    guard = _Guard(PublicAddresses(tuple(map(ip_network, question["networks"]))))
    sys.addaudithook(guard)
    service = _instance(apprise, str(question["url"]))
    if service is None:
        return {"error": "invalid"}
    found = {"recipients": len(service)}
    if "body" not in question or _is_sent(apprise, service, question):
        return found
    if guard.refused:
        return {**found, "error": f"the service may not be used: {guard.refused}"}
    status = f"the service answered {statuses.last}" if statuses.last else "the service rejected the message"
    return {**found, "error": status}


def _is_sent(apprise: Any, service: Any, question: Mapping[str, Any]) -> bool:
    """Send plain text. It is escaped for services with HTML or Markdown, and cut to a service's maximum length."""
    if service.overflow_mode == apprise.OverflowMode.UPSTREAM:
        service.overflow_mode = apprise.OverflowMode.TRUNCATE
    services = apprise.Apprise()
    services.add(service)
    result = services.notify(body=question["body"], title=question["title"], body_format=apprise.NotifyFormat.TEXT)
    return bool(result)


def _instance(apprise: Any, url: str) -> Any:
    """Return the service that the URL names; None if it names none that is permitted."""
    if url.partition("://")[0].strip().lower() in _LOCAL_SCHEMES:
        return None
    try:
        # A redirected POST arrives as a GET without the body (RFC 9110, section 15.4), and would count as sent.
        asset = apprise.AppriseAsset(http_redirects=False)
        return apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    except Exception:  # noqa: BLE001 a plug-in may raise anything for such input
        return None


def main() -> None:
    """Run; whatever happens, only the answer is written to stdout."""
    written = sys.stdout
    sys.stdout = sys.stderr
    question = json.load(sys.stdin)
    try:
        given = answer(question)
    except Exception:  # noqa: BLE001
        given = {"error": "Apprise failed"}
    json.dump(given, written)


if __name__ == "__main__":
    main()
