"""Migrations keep the previous version working: its inserts and reads must remain valid."""

import pytest
from django.apps import apps
from django.db.migrations import AddField, CreateModel, Migration, RemoveField, RenameField, RenameModel
from django.db.migrations.loader import MigrationLoader
from django.db.models import NOT_PROVIDED

OWN_APPS = {app.label for app in apps.get_app_configs() if app.name.startswith(("surveillance", "vigil_apps."))}
FIRST_VERSION = {
    ("surveillance", "0001_initial"),
    ("surveillance", "0002_alert_life_cycle"),
    ("accounts", "0001_initial"),
}
"""Always released together."""


def _migrations() -> list[Migration]:
    disk = MigrationLoader(None).disk_migrations
    return [found for key, found in sorted(disk.items()) if key[0] in OWN_APPS and key not in FIRST_VERSION]


@pytest.mark.parametrize("migration", _migrations(), ids=str)
def test_previous_version_works_with_the_new_schema(migration: Migration) -> None:
    made_here = {operation.name_lower for operation in migration.operations if isinstance(operation, CreateModel)}
    for operation in migration.operations:
        assert not isinstance(operation, RemoveField | RenameField | RenameModel), (
            f"{migration}: {operation.describe()}: stop using it in one version, remove it in the next"
        )
        if isinstance(operation, AddField) and operation.model_name_lower not in made_here:
            field = operation.field
            assert field.null or field.db_default is not NOT_PROVIDED, (
                f"{migration}: {operation.describe()}: needs null=True or db_default, for inserts that do not name it"
            )
