"""A kept database of other code is the beginning of the next one only if it has no other migrations."""

from pathlib import Path

import pytest
from tests.integration.services.migrated import earlier

NOW = {"b1 locks/dev.txt", "c1 backend/one/migrations/0001.py", "d1 backend/one/migrations/0002.py"}


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        ({"last": NOW, "older": {"b1 locks/dev.txt"}}, "last"),
        ({"older": {"b1 locks/dev.txt", "c1 backend/one/migrations/0001.py"}}, "older"),
        ({"changed": {*NOW, "c2 backend/one/migrations/0001.py"}}, None),
        ({"another library": {"b2 locks/dev.txt"}}, None),
        ({"newer": {*NOW, "e1 backend/one/migrations/0003.py"}}, None),
        ({}, None),
    ],
)
def test_database_to_begin_with(tmp_path: Path, kept: dict[str, set[str]], expected: str | None) -> None:
    (tmp_path / "made before there were records").mkdir()
    for name, migrations in kept.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "migrations.txt").write_text("\n".join(sorted(migrations)))
    assert earlier(tmp_path, NOW) == (tmp_path / expected if expected else None)
