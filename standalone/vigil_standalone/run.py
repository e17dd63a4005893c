"""Start the parts in order, keep them running, and stop them in order.

Start: database, backend, pipeline, demo camera. Stop: pipeline (the backend must receive its last alerts), demo
camera, backend.
"""

import errno
import fcntl
import json
import os
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import cast

import httpx

from vigil_contracts.stop_signals import stop_on_signals
from vigil_standalone.access import Access, CertificateRenewal, decide, host_problem
from vigil_standalone.address_book import AddressBook
from vigil_standalone.cameras import Cameras, RegistrationError
from vigil_standalone.console import is_journal, say, say_for, step
from vigil_standalone.demo import DEMO_CAMERA, DemoCamera
from vigil_standalone.ports import free_port, port_problem
from vigil_standalone.processes import Child, inherited_environment
from vigil_standalone.settings import Settings
from vigil_standalone.state import USER, DataDirectory, storage_problem

OWN_CAMERA = "My camera"
_BACKEND_READY_SECONDS = 60
_SMALL_MEMORY = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": "131072",
    "MALLOC_TRIM_THRESHOLD_": "131072",
    "OPENBLAS_NUM_THREADS": "1",
}
"""As in the detector's image: glibc returns freed frames to the system at once and has two heaps for all threads, and
NumPy starts no threads."""

_STOP_ORDER = ("pipeline", "demo", "backend")


class StartError(Exception):
    """A required part did not start; the message says which and what to do."""


def run(settings: Settings) -> int:
    """Run until SIGINT or SIGTERM; return the exit status. Raises `StartError`."""
    data = DataDirectory(settings.vigil_data_dir)
    try:
        data.prepare()
        (data.root / "lock").touch()
    except OSError as error:
        raise StartError(storage_problem(error, data.root)) from error
    with ExitStack() as stack:
        stack.enter_context(exclusive(data))
        stop = threading.Event()
        stack.enter_context(stop_on_signals(stop.set))
        if problem := port_problem(settings.port):
            raise StartError(problem)
        access = access_for(settings, data)
        verify = access.verify()
        environment = {**_backend_environment(data), **access.backend_environment}

        with step("preparing the database"):
            prepared = _prepare(environment, data)

        children: list[Child] = []
        stack.callback(_stop_all, children)
        with step("starting the backend"):
            _start(children, _backend(access, environment))
            _wait(children[-1], lambda: is_ready(access.base_url, verify), _BACKEND_READY_SECONDS, stop)
        if not stop.is_set():
            with suppress(OSError):  # a full disk must not stop Vigil; `vigil import` then needs --url
                data.api_url_file.write_text(access.base_url + "\n")
            access.show()
            say(f"User: {USER}")
            say(f"Password: {_password_for_display(data, prepared['password_is_current'])}")
            _start(children, _pipeline(settings, data, access))
            cameras = Cameras(access.base_url, data.read_secret("user-token"), verify)
            stack.callback(cameras.close)
            demo = _add_cameras(settings, data, cameras, children)
            renewal = CertificateRenewal(access)
            while not stop.wait(0.5):
                if renewal.is_due():
                    _restart(children, ("pipeline", "backend"))
                _watch(children, demo)
    say("vigil: stopped")
    return 0


def access_for(settings: Settings, data: DataDirectory) -> Access:
    """Return how clients reach this Vigil; create the certificate if there is none. Raises `StartError`."""
    if problem := host_problem(settings.host):
        raise StartError(problem)
    folder = data.secret_file("tls").parent
    access = decide(settings.host, settings.port, settings.vigil_public_url, settings.vigil_allowed_hosts, folder)
    try:
        access.renew()
    except OSError as error:
        raise StartError(storage_problem(error, data.root)) from error
    return access


def _password_for_display(data: DataDirectory, is_current: bool) -> str:
    """Return the first user's password; in a journal, which others can read, the file name instead."""
    if not is_current:
        return "(changed since)"
    return f"in {data.secret_file('admin-password')}" if is_journal() else data.read_secret("admin-password")


def _add_cameras(
    settings: Settings, data: DataDirectory, cameras: Cameras, children: list[Child]
) -> DemoCamera | None:
    try:
        if settings.camera is not None:
            book = AddressBook(data.camera_addresses, data.read_secret("secret-key"))
            name, is_added = cameras.ensure_address(settings.camera.get_secret_value(), OWN_CAMERA, book)
            say(f"vigil: camera «{name}» is {'added' if is_added else 'known'}")
        if not settings.demo:
            cameras.deactivate(DEMO_CAMERA)
            return None
    except RegistrationError as error:
        raise StartError(f"a camera cannot be added: {error}") from error
    say("vigil: starting the demo camera (its clip is rendered at the first start) …")
    demo = DemoCamera(data, cameras)
    _start(children, demo.child)
    return demo


def _watch(children: list[Child], demo: DemoCamera | None) -> None:
    for child in children:
        if demo is None or child is not demo.child:
            child.watch()
    if demo is not None:
        demo.watch()


def _backend_environment(data: DataDirectory) -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": "surveillance_backend.settings",
        "VIGIL_DATA_DIR": str(data.root),
        "VIGIL_SECRET_KEY_FILE": str(data.secret_file("secret-key")),
        "VIGIL_CREDENTIAL_KEYS_FILE": str(data.secret_file("credential-keys")),
        "VIGIL_VAPID_KEY_FILE": str(data.secret_file("vapid-key")),
        "VIGIL_EVIDENCE_KEY_FILE": str(data.secret_file("evidence-key")),
        "VIGIL_CAMERA_ALLOW_LOOPBACK": "1",
        "VIGIL_LOG_FORMAT": "text",
    }


def _backend(access: Access, environment: dict[str, str]) -> Child:
    arguments = [
        *(sys.executable, "-m", "gunicorn", "surveillance_backend.asgi:application"),
        *("--config", "python:surveillance_backend.gunicorn_conf"),
        *(*access.gunicorn_arguments, "--workers", "1"),
    ]
    return Child("backend", arguments, environment, say_for)


def _pipeline(settings: Settings, data: DataDirectory, access: Access) -> Child:
    environment = {
        **access.pipeline_environment,
        "VIGIL_TOKEN_FILE": str(data.secret_file("pipeline-token")),
        "VIGIL_MODEL": settings.model,
        "VIGIL_STREAM_ALLOW_LOOPBACK": "1",
        "VIGIL_SPOOL_DIR": str(data.spool),
        **_recording_folder(data),
        "VIGIL_METRICS_PORT": str(free_port(9464)),
        "VIGIL_LOG_FORMAT": "text",
        **_SMALL_MEMORY,
    }
    return Child("pipeline", [sys.executable, "-m", "cctv"], environment, say_for)


def _recording_folder(data: DataDirectory) -> dict[str, str]:
    """Return where the pipeline stores recordings: the backend's media directory, unless it uses a bucket."""
    if os.environ.get("VIGIL_S3_BUCKET") or os.environ.get("VIGIL_RECORDING_DIR"):
        return {}
    bound = {"VIGIL_RECORDING_SPOOL_MAX_BYTES": os.environ.get("VIGIL_RECORDING_SPOOL_MAX_BYTES") or "4GiB"}
    return bound | {"VIGIL_RECORDING_DIR": os.environ.get("VIGIL_MEDIA_DIR") or str(data.root / "media")}


def _prepare(environment: dict[str, str], data: DataDirectory) -> dict[str, bool]:
    finished = subprocess.run(
        [sys.executable, "-m", "vigil_standalone.prepare"],
        env={**inherited_environment(), **environment},
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,  # Ctrl-C would interrupt it with a traceback
    )
    if finished.returncode != 0:
        if data.is_full:  # SQLite's message depends on the file that does not fit: it may also be "disk I/O error"
            raise StartError(storage_problem(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), data.root))
        raise StartError(f"the database cannot be prepared:\n{finished.stderr.strip()}")
    return cast("dict[str, bool]", json.loads(finished.stdout))


def _start(children: list[Child], child: Child) -> None:
    children.append(child)
    child.start()


def _restart(children: list[Child], names: tuple[str, ...]) -> None:
    """Stop these parts in the given order, and start them in reverse order."""
    chosen = [child for name in names for child in children if child.name == name]
    for child in chosen:
        child.stop()
    for child in reversed(chosen):
        child.start()


def _stop_all(children: list[Child]) -> None:
    """Stop each part before the parts that it needs, regardless of the order of their start."""
    for child in sorted(children, key=lambda child: _STOP_ORDER.index(child.name)):
        say(f"vigil: stopping the {child.name}")
        child.stop()


def _wait(child: Child, is_done: Callable[[], bool], timeout_seconds: float, stop: threading.Event) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not is_done() and not stop.wait(0.1):
        if not child.is_running:
            raise StartError(f"the {child.name} ended while starting; its last lines are above")
        if time.monotonic() > deadline:
            raise StartError(f"the {child.name} is not ready after {timeout_seconds:.0f} s")


def is_ready(base_url: str, verify: ssl.SSLContext | bool) -> bool:
    """Return whether the backend at `base_url` answers requests."""
    try:
        answer = httpx.get(f"{base_url}/readyz", timeout=2, verify=verify)
        return answer.status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


@contextmanager
def exclusive(data: DataDirectory) -> Iterator[None]:
    """Hold the lock of the data directory. Raises `StartError` if another Vigil holds it."""
    with (data.root / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StartError(
                f"another `vigil run` uses {data.root} already: stop it with Ctrl-C, or if it is a service with"
                " `systemctl stop vigil`"
            ) from error
        yield
