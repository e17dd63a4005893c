"""Track models: however a row changes (service, admin, cascade), an entry is written with the change.

Each app defines, field by field, what an entry shows of its objects. Other fields are never stored, so a new column
cannot leak by accident. A secret is shown as `fingerprint`, which only reveals whether it has changed.
`QuerySet.update` sends no signals, so services do not use it for tracked fields.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from django.db import models
from django.db.models.signals import post_delete, post_save, pre_save
from django.utils.crypto import salted_hmac

from vigil_apps.audit.models import Action, AuditEntry
from vigil_apps.audit.origin import origin

Shown = Mapping[str, Any]
_BEFORE = "_audit_before"


@dataclass(frozen=True, slots=True)
class Tracked:
    """How a model is recorded: `fields` returns JSON values; admins of the site `site_id` may read the entry."""

    kind: str
    fields: Callable[[Any], Shown]
    site_id: Callable[[Any], int | None] = lambda _: None
    object_id: Callable[[Any], str] = lambda instance: str(instance.pk)


def track(model: type[models.Model], tracked: Tracked) -> None:
    """Record every change of the model's rows from now on."""

    def before(instance: models.Model, raw: bool = False, **_: Any) -> None:
        is_new = raw or instance.pk is None or instance._state.adding
        stored = None if is_new else model._base_manager.filter(pk=instance.pk).first()
        setattr(instance, _BEFORE, None if stored is None else (tracked.fields(stored), tracked.site_id(stored)))

    def saved(instance: models.Model, created: bool, raw: bool = False, **_: Any) -> None:
        if raw:
            return
        known = cast("tuple[Shown, int | None] | None", instance.__dict__.pop(_BEFORE, None))
        former, former_site = known if known is not None else ({}, None)
        record(
            tracked,
            instance,
            action=Action.CREATED if created else Action.CHANGED,
            before=former,
            after=tracked.fields(instance),
            former_site_id=former_site,
        )

    def deleted(instance: models.Model, **_: Any) -> None:
        record(tracked, instance, action=Action.DELETED, before=tracked.fields(instance), after={})

    name = f"audit_{tracked.kind}"
    pre_save.connect(before, sender=model, weak=False, dispatch_uid=name)
    post_save.connect(saved, sender=model, weak=False, dispatch_uid=name)
    post_delete.connect(deleted, sender=model, weak=False, dispatch_uid=name)


def record(
    tracked: Tracked,
    instance: models.Model,
    *,
    action: Action,
    before: Shown,
    after: Shown,
    former_site_id: int | None = None,
) -> None:
    """Write an entry, unless nothing has changed."""
    changes = differences(before, after)
    if action == Action.CHANGED and not changes:
        return
    _write(
        action=action,
        kind=tracked.kind,
        object_id=tracked.object_id(instance),
        object_name=str(instance)[:255],
        site_id=tracked.site_id(instance),
        former_site_id=former_site_id,
        changes=changes,
    )


def note(*, kind: str, action: Action, object_id: str, object_name: str, before: Shown) -> None:
    """Write one entry about many objects, such as alerts deleted by retention."""
    changes = differences(before, {})
    _write(action=action, kind=kind, object_id=object_id, object_name=object_name, changes=changes)


def _write(**columns: Any) -> None:
    comes_from = origin()
    user = comes_from.user
    AuditEntry.objects.create(
        actor_id=user.pk if user is not None else None,
        actor_name=user.get_username() if user is not None else "",
        via=comes_from.via,
        token_name=comes_from.token_name,
        address=comes_from.address,
        **columns,
    )


def differences(before: Shown, after: Shown) -> dict[str, list[Any]]:
    """Return a map from field to `[before, after]` where they differ; None stands for a missing value."""
    names = dict.fromkeys([*before, *after])
    return {name: [before.get(name), after.get(name)] for name in names if before.get(name) != after.get(name)}


def fingerprint(secret: str) -> str:
    """Return a short keyed digest: equal for equal secrets. Without the backend's key it reveals nothing."""
    return f"#{salted_hmac('vigil.audit', secret, algorithm='sha256').hexdigest()[:8]}" if secret else ""
