"""Fixtures for all tests."""

import gc
import os
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from django.conf import settings
from tests.priority import add_niceness
from tests.scheduling import WaitingPartsScheduling, niceness, place
from tools.system_packages import MissingPackagesError
from xdist.remote import Producer

pytest_plugins = [
    "tests.cluster.fixtures",
    "tests.integration.services.postgres",
    "tests.integration.services.migrated",  # imports the one before
    "tests.integration.services.backend",  # imports both
    "tests.integration.services.prometheus",
    "tests.integration.services.redis",
    "tests.integration.services.s3",
]

ROOT = Path(__file__).parents[1]

# Each process that a test starts would compile every module again, which adds a second to each backend start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
    # `make test` hands these down: a `make` that a test starts would take itself for a part of it.
    os.environ.pop(name, None)

# There are no default keys; these are for tests in this process. `VIGIL_…` variables are read before this file is.
settings.SECRET_KEY = "for-tests-only-" + "x" * 50
settings.VIGIL_CREDENTIAL_KEYS = ("A" * 43 + "=",)
# Each test client would otherwise look at every static file first, which costs more than most tests.
settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture(scope="session")
def shared() -> Path:
    """Clips and models that are not part of the repository (`VIGIL_SHARED`)."""
    path = Path(os.environ.get("VIGIL_SHARED", ROOT.parent / "shared"))
    if not (path / "videos").is_dir():
        pytest.skip(f"needs the test clips and models: {path}/videos is missing (set VIGIL_SHARED)")
    return path


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the garbage collector from visiting what lives until the end: imported modules and collected tests.

    It would otherwise visit these half a million objects again and again: for a third of the time of the collection,
    and for a fifth of the time of many tests.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(10_000)
        gc.enable()


LONGEST_ID = 500


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a value of megabytes by its length: workers send a test's id with each of its reports."""
    if isinstance(val, str | bytes) and len(val) > LONGEST_ID:
        return f"{argname}-of-{len(val)}"
    return None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, object, object]:
    """Skip a test whose fixtures need system packages that only root can install; the reason names them."""
    try:
        return (yield)
    except MissingPackagesError as error:
        pytest.skip(str(error))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """Skip a test that finds out by itself."""
    try:
        return (yield)
    except MissingPackagesError as error:
        pytest.skip(str(error))


@pytest.hookimpl(tryfirst=True)  # before xdist's own hook, which reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The parts are tested side by side (`--numprocesses`), each in one process and in its order."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_part(item)))
    items.sort(key=lambda item: place(_part(item)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    """Where workers share the cores, let the test run with the priority of its part."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        groups = {str(mark.args[0]) for mark in item.iter_markers("xdist_group")}
        add_niceness(niceness("_".join(sorted(groups))))  # as xdist names the group


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> WaitingPartsScheduling | None:
    """Keep parts that wait apart; without `--dist loadgroup`, xdist's own schedulers apply."""
    return WaitingPartsScheduling(config, log) if config.getoption("dist") == "loadgroup" else None


def _part(item: pytest.Item) -> str:
    """`integration/backend`, `integration/detector/streams`, `e2e`: the test's folder."""
    return item.path.parent.relative_to(Path(__file__).parent).as_posix()
