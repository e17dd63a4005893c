"""No locked package has telemetry."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
REPORTING = ("openvino-telemetry", "sentry-sdk", "posthog", "segment-analytics-python", "google-analytics")
"""Packages that send usage data when they are imported or used."""


@pytest.mark.parametrize("lock", sorted(path.name for path in (ROOT / "locks").glob("*.txt")))
def test_locks_have_no_telemetry_packages(lock: str) -> None:
    names = {line.partition("==")[0] for line in (ROOT / "locks" / lock).read_text().splitlines() if "==" in line}
    assert names, "the lock names packages"
    assert not names & set(REPORTING)
