"""Write alerts."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from surveillance import images
from surveillance.core.clean_image import InvalidImageError, clean_image
from surveillance.core.image_decoder import DecoderUnavailableError
from surveillance.core.validation import InvalidInputError
from surveillance.models import Alert, AlertComment, Camera
from surveillance.selectors.holds import holds_of_alert
from surveillance.signals import AlertChange, alerts_changed, alerts_stored
from vigil_apps.web.statements import rows_of
from vigil_contracts.alert import AlertSubmission, ImageSubmission


class UnknownEventError(Exception):
    """There is no alert of this event to which an image or clip could belong."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A valid alert from a detector that may send for the camera; its image is not checked yet."""

    camera: Camera
    submission: AlertSubmission
    image: bytes | None

    @property
    def event(self) -> tuple[int, str]:
        """Return the key that the database stores only once."""
        return self.camera.pk, self.submission.event_id


@dataclass(frozen=True, slots=True)
class Stored:
    """The row of an event, and whether this call created it."""

    alert: Alert
    is_new: bool


Refusal = InvalidInputError | images.StorageUnavailableError | DecoderUnavailableError
REFUSALS = (InvalidInputError, images.StorageUnavailableError, DecoderUnavailableError)
_STORED = "SELECT id FROM surveillance_alert WHERE camera_id IN (%s) AND event_id IN (%s)"
_savers = ThreadPoolExecutor(4, thread_name_prefix="pictures")
"""Images of concurrent alerts are written in parallel: disks, and even more S3, handle several as fast as one."""


def alert_store(arrival: Arrival, *, now: datetime) -> Stored:
    """Store the event exactly once: the first call creates the row, later ones find it.

    Raises a Refusal.
    """
    try:
        (stored,) = alerts_store(arrivals=[arrival], now=now)
    except IntegrityError:  # the same event arrived concurrently, or the camera was deleted
        known = _known([arrival]).get(arrival.event)
        if known is None:
            raise
        return Stored(known, is_new=False)
    if isinstance(stored, Exception):
        raise stored
    return stored


def alerts_store(*, arrivals: Sequence[Arrival], now: datetime) -> list[Stored | Refusal]:
    """Store each event exactly once, all new ones in one transaction; the results are in the order of the arrivals.

    Images are written before the rows are committed, and deleted if the commit certainly failed: no row ever lacks
    its image. Raises a DatabaseError if none is stored: each may then be sent again individually.
    """
    known = _known(arrivals)
    new = {arrival.event: arrival for arrival in reversed(arrivals) if arrival.event not in known}
    # Always in the same order: transactions that store the same events must not deadlock.
    ready = dict(zip(sorted(new), _with_images([new[event] for event in sorted(new)], now), strict=True))
    alerts = [alert for alert in ready.values() if isinstance(alert, Alert)]
    if alerts:
        try:
            with transaction.atomic():
                Alert.objects.bulk_create(alerts)
                alerts_stored.send(sender=Alert, alerts=alerts)
        except BaseException as error:
            for alert in alerts:
                if alert.image:
                    images.delete_after(error, alert.image)
            raise
    outcomes: list[Stored | Refusal] = []
    for arrival in arrivals:
        outcome = known.get(arrival.event) or ready[arrival.event]
        is_new = new.get(arrival.event) is arrival
        outcomes.append(Stored(outcome, is_new=is_new) if isinstance(outcome, Alert) else outcome)
    return outcomes


def alert_replace_image(*, camera: Camera, submission: ImageSubmission, image: bytes, now: datetime) -> Alert:
    """Replace the image of the event's alert; the old one is deleted after the commit. Safe to repeat.

    An alert with a legal hold keeps its image. Raises UnknownEventError, or a Refusal.
    """
    known = Alert.objects.filter(camera=camera, event_id=submission.event_id).first()
    if known is None:
        raise UnknownEventError
    if holds_of_alert(known).exists():
        return known
    content = _clean(image)
    key = images.save(content, now=now)
    try:
        with transaction.atomic():
            alert = Alert.objects.select_for_update().filter(pk=known.pk).first()
            if alert is None:
                raise UnknownEventError
            if alert.image:
                transaction.on_commit(partial(images.delete, alert.image), robust=True)
            alert.image, alert.image_bytes, alert.box = key, len(content), submission.box.model_dump()
            alert.save(update_fields=["image", "image_bytes", "box"])
    except BaseException as error:
        images.delete_after(error, key)
        raise
    return alert


def alerts_acknowledge(*, alerts: QuerySet[Alert], ids: Collection[int], user: User, now: datetime) -> int:
    """Acknowledge those of `ids` that are new and in `alerts`; the first user stays recorded. Return their number."""
    new = alerts.filter(pk__in=ids, acknowledged=False)
    values = {"acknowledged": True, "acknowledged_by": user, "acknowledged_at": now}
    return _change(new, values, change=AlertChange.ACKNOWLEDGED, user=user)


def alerts_reopen(*, alerts: QuerySet[Alert], ids: Collection[int], user: User) -> int:
    """Undo acknowledgements: for those of `ids` that this user acknowledged and that were not resolved since."""
    own = alerts.filter(pk__in=ids, acknowledged=True, acknowledged_by=user, resolved=False)
    values = {"acknowledged": False, "acknowledged_by": None, "acknowledged_at": None}
    return _change(own, values, change=AlertChange.REOPENED, user=user)


@transaction.atomic
def alerts_resolve(*, alerts: QuerySet[Alert], ids: Collection[int], user: User | None, now: datetime) -> int:
    """Resolve and acknowledge those of `ids` that are unresolved and in `alerts`. Return their number.

    `user` None: the alert was resolved automatically.
    """
    unresolved = alerts.filter(pk__in=ids, resolved=False)
    values = {"acknowledged": True, "acknowledged_by": user, "acknowledged_at": now}
    _change(unresolved.filter(acknowledged=False), values, change=AlertChange.ACKNOWLEDGED, user=user)
    values = {"resolved": True, "resolved_by": user, "resolved_at": now}
    return _change(unresolved, values, change=AlertChange.RESOLVED, user=user)


def alerts_unresolve(*, alerts: QuerySet[Alert], ids: Collection[int], user: User) -> int:
    """Undo resolutions: for those of `ids` that this user resolved. They stay acknowledged."""
    own = alerts.filter(pk__in=ids, resolved=True, resolved_by=user)
    values = {"resolved": False, "resolved_by": None, "resolved_at": None}
    return _change(own, values, change=AlertChange.UNRESOLVED, user=user)


@transaction.atomic
def alerts_mark_false_positive(*, alerts: QuerySet[Alert], ids: Collection[int], user: User, now: datetime) -> int:
    """Mark those of `ids` that are in `alerts` as false positives, and acknowledge them.

    Return how many were not marked before.
    """
    alerts_acknowledge(alerts=alerts, ids=ids, user=user, now=now)
    unmarked = alerts.filter(pk__in=ids, is_false_positive=False)
    return _change(unmarked, {"is_false_positive": True}, change=AlertChange.MARKED_FALSE_POSITIVE, user=user)


def alerts_unmark_false_positive(*, alerts: QuerySet[Alert], ids: Collection[int], user: User) -> int:
    """Remove the mark; the alerts stay acknowledged. Return how many were marked."""
    marked = alerts.filter(pk__in=ids, is_false_positive=True)
    return _change(marked, {"is_false_positive": False}, change=AlertChange.UNMARKED_FALSE_POSITIVE, user=user)


def alert_comment(*, alert: Alert, author: User, text: str) -> AlertComment:
    """Add a comment."""
    return AlertComment.objects.create(alert=alert, author=author, text=text)


@transaction.atomic
def _change(alerts: QuerySet[Alert], values: Mapping[str, object], *, change: AlertChange, user: User | None) -> int:
    """Set the values of these alerts and send `alerts_changed`. Return their number.

    The rows are locked first: of two concurrent requests, one changes an alert and announces it.
    """
    locked = alerts.select_related(None).select_for_update(of=("self",), no_key=True)
    ids = [alert.pk for alert in locked.only("pk").order_by("pk")]
    if ids:
        Alert.objects.filter(pk__in=ids).update(**values)
        alerts_changed.send(sender=Alert, alert_ids=ids, change=change, user=user)
    return len(ids)


def _known(arrivals: Sequence[Arrival]) -> dict[tuple[int, str], Alert]:
    cameras = {arrival.camera.pk: arrival.camera for arrival in arrivals}
    ids = [pk for (pk,) in rows_of(_STORED, list(cameras), [one.submission.event_id for one in arrivals])]
    known: dict[tuple[int, str], Alert] = {}
    for alert in Alert.objects.filter(pk__in=ids) if ids else ():
        alert.camera = cameras[alert.camera_id]
        known[alert.camera_id, alert.event_id] = alert
    return known


def _with_images(arrivals: Sequence[Arrival], now: datetime) -> Iterable[Alert | Refusal]:
    """Yield for each arrival the new row with its stored image, or the reason for a refusal."""
    make = partial(_with_image, now=now)
    return map(make, arrivals) if len(arrivals) < 2 else _savers.map(make, arrivals)


def _with_image(arrival: Arrival, now: datetime) -> Alert | Refusal:
    try:
        content = _clean(arrival.image) if arrival.image is not None else b""
        key = images.save(content, now=now) if content else ""
    except REFUSALS as error:
        return error
    return Alert(camera=arrival.camera, image=key, image_bytes=len(content), **_columns(arrival.submission))


def _clean(image: bytes) -> bytes:
    try:
        return clean_image(image)
    except InvalidImageError as error:
        raise InvalidInputError({"image": [str(error)]}) from None


def _columns(submission: AlertSubmission) -> dict[str, object]:
    columns = submission.model_dump(mode="python", exclude={"camera", "box"})
    box = submission.box.model_dump() if submission.box is not None else None
    return {**columns, "alert_type": submission.alert_type.value, "box": box}
