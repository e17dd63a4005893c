"""Request, delete and clean up exports of cases."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction

from surveillance import images
from surveillance.core.validation import InvalidInputError
from surveillance.selectors.access import cameras_visible_to
from vigil_apps.accounts.principal import Principal
from vigil_apps.audit.models import Action
from vigil_apps.audit.tracking import Tracked, record
from vigil_apps.evidence import wake
from vigil_apps.evidence.cases import CLOSED, CaseStateError
from vigil_apps.evidence.models import Case, CaseExport, ExportState
from vigil_apps.evidence.signing import signing_key
from vigil_apps.sites.roles import Role

ROOT = "exports"
MOST_EXPORTS = 20
PENDING = (ExportState.QUEUED, ExportState.RUNNING)


def _fields(export: CaseExport) -> dict[str, Any]:
    return {"case": export.case_id, "state": export.state, "manifest_sha256": export.manifest_sha256}


TRACKED = Tracked("export", _fields)


@transaction.atomic
def export_request(*, case: Case, user: User, now: datetime) -> CaseExport:
    """Queue an export of all items of the case.

    Requires the operator's role for each camera at this time: it may have ended since the item was added. Raises
    PermissionDenied, InvalidInputError, CaseStateError, or NoSigningKeyError.
    """
    locked = Case.objects.select_for_update(no_key=True).filter(pk=case.pk, closed_at=None).first()
    if locked is None:
        raise CaseStateError(CLOSED)
    signing_key(now=now)
    cameras = dict(case.items.values_list("camera_id", "camera_name"))
    if not cameras:
        raise InvalidInputError({"non_field_errors": ["Add a period of a camera or an alert first."]})
    visible = cameras_visible_to(Principal.of_user(user), Role.SITE_OPERATOR)
    if missing := cameras.keys() - set(visible.filter(pk__in=cameras).values_list("pk", flat=True)):
        names = ", ".join(sorted(cameras[one] for one in missing))
        raise PermissionDenied(
            f"An export requires the operator's role for each camera of the case. Missing: {names}."
        )
    if case.exports.filter(state__in=PENDING).exists():
        raise CaseStateError("An export of this case is already running.")
    if case.exports.count() >= MOST_EXPORTS:
        raise CaseStateError(f"This case has {MOST_EXPORTS} exports. Delete one first.")
    export = CaseExport.objects.create(case=case, requested_by=user, requested_by_name=user.get_username())
    record(TRACKED, export, action=Action.CREATED, before={}, after=_fields(export))
    transaction.on_commit(wake.up)
    return export


def export_delete(*, export: CaseExport) -> None:
    """Delete an export with its archive. A process that works on it stops."""
    with transaction.atomic():
        current = CaseExport.objects.select_for_update().filter(pk=export.pk).first()
        if current is None:
            return
        record(TRACKED, current, action=Action.DELETED, before=_fields(current), after={})
        key = current.key
        current.delete()
    if key:
        images.delete(key)


def export_note_download(*, export: CaseExport, user: User) -> None:
    """Add the download to the audit log."""
    record(TRACKED, export, action=Action.CHANGED, before={}, after={"downloaded_by": user.get_username()})


def exports_expire(*, now: datetime) -> None:
    """Delete the exports of cases that are closed for long. Those of an open case are kept, like its recordings."""
    before = now - timedelta(days=settings.VIGIL_EXPORT_DAYS)
    for export in CaseExport.objects.filter(case__closed_at__lt=before, requested_at__lt=before)[:1000]:
        export_delete(export=export)


def exports_sweep(*, written_before: datetime) -> int:
    """Delete files of exports that no row names, left by killed processes; return their number."""
    storage = images.media_storage()
    old = [one.key for one in storage.stored_files(ROOT) if one.modified_at < written_before]
    named = set(CaseExport.objects.exclude(key="").values_list("key", flat=True))
    running = [stored_prefix(one) for one in CaseExport.objects.filter(state__in=PENDING)]
    gone = [key for key in old if key not in named and not key.startswith(tuple(running))]
    images.delete_many(gone)
    images.drop_unfinished(f"{ROOT}/", begun_before=written_before, spared=running)
    storage.drop_empty_folders(ROOT, unchanged_since=written_before)
    return len(gone)


def stored_prefix(export: CaseExport) -> str:
    """Return what the keys of all files of the export begin with, complete or not."""
    return f"{ROOT}/{export.pk}-"
