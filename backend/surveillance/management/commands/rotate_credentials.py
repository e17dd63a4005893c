"""`manage.py rotate_credentials`: re-encrypt all secrets with the first key."""

from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand
from django.db import models, transaction

from surveillance.credentials import EncryptedTextField, UnreadableText, rotations


class Command(BaseCommand):
    """Run this after adding a new first key; then remove the old keys. Needs no downtime."""

    help = "Re-encrypts stream URLs and all other secrets with the first key of VIGIL_CREDENTIAL_KEYS."

    def handle(self, *args: Any, **options: Any) -> None:
        """Re-encrypt model by model; encrypted fields are found automatically."""
        for model in apps.get_models():
            names = [field.name for field in model._meta.local_fields if isinstance(field, EncryptedTextField)]
            if names:
                self._report(str(model._meta.verbose_name), *_rotate(model, names))
        for what, rotate in rotations.items():
            self._report(what, *rotate())

    def _report(self, what: str, count: int, unreadable: list[object]) -> None:
        self.stdout.write(f"{what}: {count} encrypted with the first key")
        if unreadable:
            rows = ", ".join(map(str, unreadable))
            self.stderr.write(
                f"{what}: {len(unreadable)} left as they are, since none of the keys reads them: {rows}"
            )


def _rotate(model: type[models.Model], names: list[str]) -> tuple[int, list[object]]:
    """Re-encrypt row by row, each locked, so that concurrent changes are not lost.

    Return the number of re-encrypted rows, and the primary keys of those that no credential key can decrypt.
    """
    unreadable: list[object] = []
    keys = list(model._base_manager.order_by("pk").values_list("pk", flat=True))
    for key in keys:
        with transaction.atomic():
            row = model._base_manager.select_for_update().filter(pk=key).first()
            if row is not None and any(isinstance(getattr(row, name), UnreadableText) for name in names):
                unreadable.append(key)
            elif row is not None:
                # `update` sends no signals: the plain values do not change.
                model._base_manager.filter(pk=key).update(**{name: getattr(row, name) for name in names})
    return len(keys) - len(unreadable), unreadable
