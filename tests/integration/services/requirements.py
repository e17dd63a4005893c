"""Skip a test whose server or program is not installed; the reason says how to install it."""

from typing import NoReturn

import pytest
from tools.system_packages import install_command


def skip_without(what: str, *packages: str) -> NoReturn:
    """Skip the test because `what` is missing, which these Debian packages contain."""
    pytest.skip(f"needs {what}: {install_command(*packages)}")
