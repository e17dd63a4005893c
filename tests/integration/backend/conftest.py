"""Fixtures and plugins of the backend's integration tests."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Load the plugin of schemathesis, which `-p no:schemathesis` in pyproject.toml keeps out of all other tests.

    Its import takes 0.8 s CPU in each process of pytest.
    """
    config.pluginmanager.import_plugin("schemathesis.pytest.plugin")
