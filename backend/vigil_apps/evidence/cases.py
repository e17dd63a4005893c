"""Write cases. Adding an item places a legal hold; closing the case lifts its holds. All of it is audited."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone

from surveillance import images
from surveillance.core.validation import InvalidInputError
from surveillance.models import Alert, Camera, LegalHold
from surveillance.services.holds import hold_alert, hold_lift, hold_period
from vigil_apps.accounts.principal import Principal
from vigil_apps.audit.models import Action
from vigil_apps.audit.tracking import Tracked, fingerprint, record
from vigil_apps.evidence.models import Case, CaseItem, ExportState
from vigil_apps.evidence.selectors import liftable_holds
from vigil_apps.sites.models import Membership

MOST_ITEMS, MOST_MEMBERS = 100, 100
LONGEST_ITEM = timedelta(hours=24)
CLOSED = "This case is closed."
NOT_A_MEMBER_TO_BE = "must be the name of an active user who is in one of your sites"


class CaseStateError(Exception):
    """The state of the case forbids it; the message tells the user what to do."""


def _fields(case: Case) -> dict[str, Any]:
    return {
        "title": case.title,
        "reference": case.reference,
        "notes_fingerprint": fingerprint(case.notes),
        "owner": case.owner_id,
        "closed_at": case.closed_at.isoformat() if case.closed_at else None,
    }


TRACKED = Tracked("case", _fields)


def case_create(*, user: User, values: Mapping[str, Any]) -> Case:
    """Create a case that the user owns."""
    return Case.objects.create(owner=user, **values)


def case_update(*, case: Case, values: Mapping[str, Any]) -> None:
    """Change title, reference or notes, also of a closed case."""
    for name, value in values.items():
        setattr(case, name, value)
    case.save(update_fields=list(values))


@transaction.atomic
def member_add(*, case: Case, username: str, user: User) -> None:
    """Let another user see the case. Raises InvalidInputError.

    A superuser adds anyone, others only who shares a site with them: the answer must not tell which names exist.
    """
    _lock(case)
    found = User.objects.filter(username=username, is_active=True)
    if not user.is_superuser:
        own = Membership.objects.filter(user=user).values("site")
        found = found.filter(pk__in=Membership.objects.filter(site__in=own).values("user"))
    member = found.first()
    if member is None:
        raise InvalidInputError({"username": [NOT_A_MEMBER_TO_BE]})
    if case.members.count() >= MOST_MEMBERS:
        raise InvalidInputError({"username": [f"is one too many: a case has at most {MOST_MEMBERS} members"]})
    if member.pk != case.owner_id and not case.members.filter(pk=member.pk).exists():
        case.members.add(member)
        _note(case, {}, {"member": member.get_username()})


@transaction.atomic
def member_remove(*, case: Case, member: User) -> None:
    """Take the case away from a member."""
    _lock(case)
    case.members.remove(member)
    _note(case, {"member": member.get_username()}, {})


@transaction.atomic
def alert_add(*, case: Case, alert: Alert, user: User) -> CaseItem:
    """Add an alert with the recordings around it, and hold them. Raises InvalidInputError, CaseStateError."""
    _require_room(case, alert_id=alert.pk)
    return _item(case, hold_alert(alert=alert, reason=_reason(case), user=user), alert.camera.name, user)


@transaction.atomic
def period_add(*, case: Case, camera: Camera, start: datetime, end: datetime, user: User) -> CaseItem:
    """Add a period of a camera, and hold it. Raises InvalidInputError, CaseStateError."""
    if end - start > LONGEST_ITEM:
        raise InvalidInputError({"end": ["must be at most 24 hours after start; add several periods"]})
    _require_room(case, alert_id=None, camera_id=camera.pk, start=start, end=end)
    hold = hold_period(camera=camera, start=start, end=end, reason=_reason(case), user=user)
    return _item(case, hold, camera.name, user)


@transaction.atomic
def item_remove(*, case: Case, item: CaseItem, principal: Principal) -> None:
    """Remove an item and lift its hold. Raises CaseStateError, and PermissionDenied if the user may not lift it."""
    _require_open(case)
    _lift(case, [item], principal, f"removed from case {case.pk}")
    _note(case, {"item": str(item)}, {})
    item.delete()


@transaction.atomic
def case_close(*, case: Case, reason: str, principal: Principal) -> None:
    """Close the case and lift its holds. Raises CaseStateError, PermissionDenied."""
    _require_open(case)
    items = list(case.items.select_related("hold"))
    _lift(case, items, principal, f"case {case.pk} closed: {reason}")
    case.closed_at = timezone.now()
    case.save(update_fields=["closed_at"])
    _note(case, {}, {"reason": reason})


def case_delete(*, case: Case) -> None:
    """Delete a closed case with its exports. Raises CaseStateError."""
    with transaction.atomic():
        _lock(case)
        if case.closed_at is None:
            raise CaseStateError("This case is open. Close it first, which lifts its holds.")
        keys = [one.key for one in case.exports.filter(state=ExportState.DONE)]
        case.delete()
    images.delete_many(keys)


def _reason(case: Case) -> str:
    """Return a reason without the title: viewers of the camera see it, who need not be members."""
    return f"Case {case.pk}"


def _item(case: Case, hold: LegalHold, camera_name: str, user: User) -> CaseItem:
    item = CaseItem.objects.create(
        case=case,
        camera_id=hold.camera_id,
        camera_name=camera_name,
        alert_id=hold.alert_id,
        start=hold.start,
        end=hold.end,
        hold=hold,
        added_by=user.get_username(),
    )
    _note(case, {}, {"item": str(item)})
    return item


def _lift(case: Case, items: list[CaseItem], principal: Principal, reason: str) -> None:
    holds = [one.hold for one in items if one.hold is not None]
    denied = {one.pk for one in holds} - liftable_holds(principal, case)
    if denied:
        raise PermissionDenied(
            f"You may not lift {len(denied)} of the legal holds. An admin of the camera's site must lift them first."
        )
    for hold in holds:
        hold_lift(hold=hold, reason=reason[:500])


def _require_room(case: Case, **same: Any) -> None:
    _require_open(case)
    if case.items.filter(**same).exists():
        raise InvalidInputError({"non_field_errors": ["is already in this case"]})
    if case.items.count() >= MOST_ITEMS:
        raise InvalidInputError({"non_field_errors": [f"A case has at most {MOST_ITEMS} items."]})


def _require_open(case: Case) -> None:
    _lock(case)
    if case.closed_at is not None:
        raise CaseStateError(CLOSED)


def _lock(case: Case) -> None:
    """Make changes of one case run one at a time, and read its newest state. A deleted case counts as closed."""
    found = Case.objects.select_for_update(no_key=True).filter(pk=case.pk).values_list("closed_at").first()
    if found is None:
        raise CaseStateError("This case does not exist any more.")
    (case.closed_at,) = found


def _note(case: Case, before: dict[str, Any], after: dict[str, Any]) -> None:
    record(TRACKED, case, action=Action.CHANGED, before=before, after=after)
