"""The version of Vigil, even if no package is installed."""

import importlib.metadata

import pytest

from vigil_contracts import version


def test_the_version_is_that_of_the_package() -> None:
    assert version.vigil_version() == importlib.metadata.version("vigil-cctv")


def test_version_without_an_installed_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(version, "version", missing)
    assert version.vigil_version() == "?"
