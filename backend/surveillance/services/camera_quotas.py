"""Quotas of cameras and of their zones and rules, for the owner of a camera and for its site."""

from typing import Any

from django.db.models import Count, F, Func, IntegerField, Sum
from django.db.models.functions import Coalesce

from surveillance.core.validation import InvalidInputError
from surveillance.models import Camera
from vigil_apps.web.quotas import CAMERAS, RULES, ZONES, Holder, Quota, lock, quota_problem

_FIELDS = {CAMERAS: "non_field_errors", ZONES: "detection.zones", RULES: "detection.rules"}


class _ListLength(Func):
    """The number of items of a list in a JSON column; 0 or NULL where there is no list."""

    output_field = IntegerField()

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        """Use the JSON1 extension."""
        return super().as_sql(
            compiler, connection, template="json_array_length(%(expressions)s, '$.%(key)s')", **extra
        )

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        """Check the type first: `jsonb_array_length` fails on other values than lists."""
        template = (
            "CASE WHEN jsonb_typeof(%(expressions)s -> '%(key)s') = 'array'"
            " THEN jsonb_array_length(%(expressions)s -> '%(key)s') END"
        )
        return super().as_sql(compiler, connection, template=template, **extra)


def check_camera_quotas(camera: Camera, *, former_site_id: int | None, former_detection: dict[str, Any]) -> None:
    """Raise InvalidInputError if storing the camera as it is now exceeds a quota.

    Call it in the transaction that stores the camera. A user or site above a lowered quota can still change and
    shrink its cameras; only growth is refused.
    """
    after, is_new = _amounts(camera.detection), camera.pk is None
    before = dict.fromkeys(after, 0) if is_new else _amounts(former_detection)
    _check(camera, Holder.USER, before, after)
    if camera.site_id is not None:
        is_moved = is_new or camera.site_id != former_site_id
        _check(camera, Holder.SITE, dict.fromkeys(after, 0) if is_moved else before, after)


def _check(camera: Camera, holder: Holder, before: dict[str, int], after: dict[str, int]) -> None:
    grown = [things for things, number in after.items() if number > before[things]]
    grown = [things for things in grown if Quota(things, holder).limit is not None]
    if not grown:
        return
    held_by = camera.user if holder is Holder.USER else camera.site
    assert held_by is not None, "cameras without a site count only for their owner"
    lock(held_by)
    used = _usage(camera, holder, grown)
    for things in grown:
        problem = quota_problem(
            Quota(things, holder), used=used[things] + before[things], added=after[things] - before[things]
        )
        if problem is not None:
            field = "site" if holder is Holder.SITE and things == CAMERAS else _FIELDS[things]
            raise InvalidInputError({field: [problem]})


def _usage(camera: Camera, holder: Holder, wanted: list[str]) -> dict[str, int]:
    """Count the objects in the holder's other cameras, in one query."""
    others = Camera.objects.filter(**{f"{holder}_id": getattr(camera, f"{holder}_id")}).exclude(pk=camera.pk)
    totals = {
        CAMERAS: Count("pk"),
        ZONES: Coalesce(Sum(_ListLength(F("detection"), key="zones")), 0),
        RULES: Coalesce(Sum(_ListLength(F("detection"), key="rules")), 0),
    }
    return others.aggregate(**{things: totals[things] for things in wanted})


def _amounts(detection: dict[str, Any]) -> dict[str, int]:
    """Return what one camera adds to each count."""
    return {CAMERAS: 1, **{things: len(detection.get(things) or ()) for things in (ZONES, RULES)}}
