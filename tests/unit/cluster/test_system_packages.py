"""Missing packages are installed for root, and explained to other users."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from tests.cluster import binaries, debian_kubernetes
from tools import system_packages


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """A Debian without any package; answers the apt-get calls that were made."""
    calls: list[tuple[str, ...]] = []
    monkeypatch.setattr(system_packages, "_installed", _none)
    monkeypatch.setattr(system_packages, "_known", set)
    monkeypatch.setattr(system_packages, "_apt", lambda *arguments, **_: calls.append(arguments))
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    return calls


def _none(names: Iterable[str]) -> set[str]:
    return set()


def test_missing_packages_are_explained_to_non_root_users(
    nothing_installed: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(system_packages.MissingPackagesError) as raised:
        system_packages.ensure("kubernetes-build")
    assert "golang-go: compiles Kubernetes" in str(raised.value)
    line = "sudo apt-get install --no-install-recommends debian-archive-keyring dpkg-dev gcc golang-go make rsync"
    assert line in str(raised.value)
    assert nothing_installed == []


def test_root_installs_what_is_missing(
    nothing_installed: list[tuple[str, ...]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    policy = tmp_path_factory.mktemp("sbin") / "policy-rc.d"
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(system_packages, "_POLICY_FILE", policy)
    monkeypatch.setattr(system_packages, "_known", set)
    system_packages.ensure("kubernetes-build")
    names = ("debian-archive-keyring", "dpkg-dev", "gcc", "golang-go", "make", "rsync")
    assert nothing_installed == [("install", "--yes", "--no-install-recommends", *names)]
    assert not policy.exists(), "services may be started again afterwards"


def test_nothing_is_done_when_nothing_is_missing(
    nothing_installed: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system_packages, "_installed", set)
    system_packages.ensure(*system_packages.PACKAGE_SETS)
    assert nothing_installed == []


@pytest.fixture
def ubuntu(nothing_installed: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let apt know all packages but the two that Ubuntu 24.04 has not, and `libturbojpeg`."""
    absent = {"chromium", "libturbojpeg0"}
    monkeypatch.setattr(system_packages, "_known", lambda names: set(names) - absent)
    monkeypatch.setattr(system_packages, "_POLICY_FILE", tmp_path / "policy-rc.d")


@pytest.mark.usefixtures("ubuntu")
def test_first_available_alternative_is_installed(
    nothing_installed: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    system_packages.ensure("web")
    assert "libturbojpeg" in nothing_installed[-1]
    assert "libturbojpeg0" not in nothing_installed[-1]


def test_a_package_is_not_missing_when_an_alternative_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_packages, "_installed", lambda names: {"libturbojpeg"} & set(names))
    assert "libturbojpeg0" not in [package.name for package in system_packages.missing_packages(["web"])]


@pytest.mark.usefixtures("ubuntu")
def test_unavailable_package_is_reported_after_the_others_are_installed(
    nothing_installed: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert system_packages.main(["browser"]) == 0
    assert nothing_installed == [
        ("update",),
        ("install", "--yes", "--no-install-recommends", "fonts-dejavu-core"),
    ]
    assert "chromium: the dashboard's tests" in (printed := capsys.readouterr()).err
    assert "sudo snap install chromium" in printed.err
    assert "browser: missing chromium, fonts-dejavu-core" in printed.out


@pytest.mark.usefixtures("ubuntu")
def test_command_for_non_root_users_omits_unavailable_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(system_packages.MissingPackagesError) as raised:
        system_packages.ensure("browser", "web")
    line = next(line for line in str(raised.value).splitlines() if line.startswith("To install them"))
    assert line.split()[-7:] == [
        "fonts-dejavu-core", "libturbojpeg", "mosquitto", "nginx", "pgbouncer", "python3-swift", "redis-server",
    ]  # fmt: skip
    assert "chromium" not in line


@pytest.mark.usefixtures("ubuntu")
def test_the_command_that_installs_a_package_has_the_name_that_apt_knows() -> None:
    line = system_packages.install_command("libturbojpeg0", "nginx")
    assert line == "sudo apt-get install --no-install-recommends libturbojpeg nginx"


def test_the_command_has_the_given_names_where_there_is_no_apt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    line = system_packages.install_command("libturbojpeg0", "nginx")
    assert line == "sudo apt-get install --no-install-recommends libturbojpeg0 nginx"


@pytest.mark.parametrize(
    "fault",
    [
        system_packages.MissingPackagesError("golang-go: compiles Kubernetes"),
        RuntimeError("apt-get download failed: golang-go: compiles Kubernetes"),
    ],
)
def test_failed_kubernetes_build_gives_a_message_and_exit_status(
    fault: Exception, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: str) -> None:
        raise fault

    monkeypatch.setenv("KUBEBUILDER_ASSETS", "")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(debian_kubernetes, "CACHE", tmp_path)
    monkeypatch.setattr(system_packages, "ensure", fail)
    assert binaries.main() == 1
    assert "Kubernetes cannot be built here. " in (printed := capsys.readouterr().err)
    assert "golang-go: compiles Kubernetes" in printed


def test_the_command_for_the_binaries_ends_with_its_message(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.cluster.binaries"]
    environment = {"HOME": str(tmp_path), "PATH": str(tmp_path)}  # no apt-get, no Kubernetes
    root = Path(binaries.__file__).parents[2]
    done = subprocess.run(command, cwd=root, env=environment, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("Kubernetes cannot be built here. These Debian packages are missing")
    assert "Traceback" not in done.stderr


def test_apt_that_takes_too_long_is_stopped_and_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = tmp_path / "calls"
    apt = tmp_path / "apt-get"
    apt.write_text(f'#!/bin/sh\necho "$@" >>{calls}\nexec sleep 60\n')
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(system_packages, "_installed", _none)
    monkeypatch.setattr(system_packages, "_known", set)
    monkeypatch.setattr(system_packages, "_available_names", lambda missing, **_: {"chromium": "chromium"})
    monkeypatch.setattr(system_packages, "_POLICY_FILE", tmp_path / "policy-rc.d")
    monkeypatch.setattr(system_packages, "_INSTALL_TIMEOUT_SECONDS", 2)
    assert system_packages.main(["browser"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("apt-get install did not end within 2 s and was stopped. Finish it by hand:")
    assert "sudo dpkg --configure -a && sudo apt-get install --yes --no-install-recommends chromium" in error
    assert len(calls.read_text().splitlines()) == 1, "the interrupted installation is not started again"


def test_unknown_set_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        system_packages.main(["nonsense"])
    assert "there is no set nonsense" in capsys.readouterr().err
