"""Quotas of cameras and of their zones and rules, for the owner of a camera and for its site."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, F, Func, IntegerField, Sum
from django.db.models.functions import Coalesce

from surveillance.core.validation import InvalidInputError
from surveillance.models import Camera
from vigil_apps.sites.models import Site
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


class CountedUsage:
    """What users and sites use, counted once for a transaction that stores many cameras and then kept up to date.

    The holder stays locked until the end of the transaction, so that no other one changes the count.
    """

    def __init__(self) -> None:
        self._used: dict[tuple[Holder, int], dict[str, int]] = {}

    def of_others(self, camera: Camera, holder: Holder, before: Mapping[str, int]) -> dict[str, int]:
        """Return what the holder's other cameras use. `before`: what this camera uses so far."""
        key = (holder, getattr(camera, f"{holder}_id"))
        if key not in self._used:
            lock(_holder_of(camera, holder))
            others = _usage(camera, holder, list(before))
            self._used[key] = {things: others[things] + before[things] for things in before}
        return {things: number - before[things] for things, number in self._used[key].items()}

    def note(
        self, camera: Camera, former_site_id: int | None, before: Mapping[str, int], after: Mapping[str, int]
    ) -> None:
        """Count the camera as it is stored now."""
        self._add((Holder.USER, camera.user_id), before, -1)
        self._add((Holder.USER, camera.user_id), after, 1)
        if former_site_id is not None:
            self._add((Holder.SITE, former_site_id), before, -1)
        if camera.site_id is not None:
            self._add((Holder.SITE, camera.site_id), after, 1)

    def _add(self, key: tuple[Holder, int], amounts: Mapping[str, int], sign: int) -> None:
        for things, number in amounts.items():
            if key in self._used:
                self._used[key][things] += sign * number


def check_camera_quotas(
    camera: Camera,
    *,
    former_site_id: int | None,
    former_detection: dict[str, Any],
    usage: CountedUsage | None = None,
) -> None:
    """Raise InvalidInputError if storing the camera as it is now exceeds a quota.

    Call it in the transaction that stores the camera. A user or site above a lowered quota can still change and
    shrink its cameras; only growth is refused. `usage`: of a transaction that stores many cameras.
    """
    usage = usage or CountedUsage()
    after, is_new = _amounts(camera.detection), camera.pk is None
    nothing = dict.fromkeys(after, 0)
    before = nothing if is_new else _amounts(former_detection)
    _check(camera, Holder.USER, before, after, usage)
    if camera.site_id is not None:
        is_moved = is_new or camera.site_id != former_site_id
        _check(camera, Holder.SITE, nothing if is_moved else before, after, usage)
    usage.note(camera, None if is_new else former_site_id, before, after)


def _check(
    camera: Camera, holder: Holder, before: dict[str, int], after: dict[str, int], usage: CountedUsage
) -> None:
    grown = [things for things, number in after.items() if number > before[things]]
    grown = [things for things in grown if Quota(things, holder).limit is not None]
    if not grown:
        return
    used = usage.of_others(camera, holder, before)
    for things in grown:
        problem = quota_problem(
            Quota(things, holder), used=used[things] + before[things], added=after[things] - before[things]
        )
        if problem is not None:
            field = "site" if holder is Holder.SITE and things == CAMERAS else _FIELDS[things]
            raise InvalidInputError({field: [problem]})


def _holder_of(camera: Camera, holder: Holder) -> User | Site:
    held_by = camera.user if holder is Holder.USER else camera.site
    assert held_by is not None, "cameras without a site count only for their owner"
    return held_by


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
