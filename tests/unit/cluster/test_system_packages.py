"""What is missing is installed by root and named, with its reason, to everybody else."""

from __future__ import annotations

import shutil
from collections.abc import Iterable

import pytest
from tools import system_packages


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """A Debian without any package; answers the apt-get calls that were made."""
    calls: list[tuple[str, ...]] = []
    monkeypatch.setattr(system_packages, "_installed", _none)
    monkeypatch.setattr(system_packages, "_apt", lambda *arguments, **_: calls.append(arguments))
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    return calls


def _none(names: Iterable[str]) -> set[str]:
    return set()


def test_others_than_root_are_told_what_is_missing_and_why(
    nothing_installed: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(system_packages.MissingPackagesError) as raised:
        system_packages.ensure("kubernetes-build")
    assert "golang-go: compiles Kubernetes" in str(raised.value)
    assert "sudo apt-get install --no-install-recommends dpkg-dev gcc golang-go make rsync" in str(raised.value)
    assert nothing_installed == []


def test_root_installs_what_is_missing(
    nothing_installed: list[tuple[str, ...]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    policy = tmp_path_factory.mktemp("sbin") / "policy-rc.d"
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(system_packages, "_POLICY_FILE", policy)
    system_packages.ensure("kubernetes-build")
    assert nothing_installed == [
        ("install", "--yes", "--no-install-recommends", "dpkg-dev", "gcc", "golang-go", "make", "rsync")
    ]
    assert not policy.exists(), "services may be started again afterwards"


def test_nothing_is_done_when_nothing_is_missing(
    nothing_installed: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system_packages, "_installed", set)
    system_packages.ensure(*system_packages.PACKAGE_SETS)
    assert nothing_installed == []


def test_a_set_that_does_not_exist_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        system_packages.main(["nonsense"])
    assert "there is no set nonsense" in capsys.readouterr().err
