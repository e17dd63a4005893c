"""Write which clusters ask for cameras, and which cluster holds each camera.

A camera has at most one holder. Another cluster gets it only after the holder has released it, or has been silent
for `SILENT_AFTER`; in both cases the tokens of the former detector end first.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from surveillance.core.clusters import NOTED_EVERY, is_silent
from surveillance.core.health import REPORT_VALID_FOR
from surveillance.models import Camera, CameraHealth, CameraHold, Cluster
from surveillance.services.camera_list import camera_list_change
from vigil_apps.accounts.models import AuthToken
from vigil_apps.accounts.scopes import Scope
from vigil_apps.accounts.services import GRACE, tokens_end
from vigil_contracts.clusters import ClusterQuery
from vigil_contracts.resources import ReportedClass

AT_ONCE = 1000
AT_ONCE_ENDED = timedelta(0)


class ClusterNameTakenError(Exception):
    """Another cluster uses this name."""

    def __init__(self, name: str, identity: str) -> None:
        super().__init__(
            f"The cluster name {name} is in use by another cluster or namespace ({identity}). Give each operator its"
            " own VIGIL_CLUSTER_NAME. If that cluster no longer exists, retry in a minute."
        )


def cluster_note(*, query: ClusterQuery, now: datetime) -> Cluster:
    """Return the row of the cluster whose operator asks, and note that it has asked.

    A cluster that comes with a new name is renamed; its cameras follow. A name whose cluster is silent can be taken
    over, since a rebuilt cluster has a new identity. Raises ClusterNameTakenError.
    """
    try:
        return _note(query, now)
    except IntegrityError:  # a concurrent request has written the row
        return _note(query, now)


def cameras_acquire(*, cluster: Cluster, cameras: QuerySet[Camera], now: datetime) -> set[int]:
    """Let the cluster hold those of `cameras` that nobody else holds; return the ids of all that it holds."""
    holders = dict(CameraHold.objects.filter(camera__in=cameras).values_list("camera", "cluster"))
    free = [pk for pk in cameras.values_list("pk", flat=True) if pk not in holders]
    # A concurrent request of another cluster may win: what counts is what is stored in the end.
    CameraHold.objects.bulk_create(
        [CameraHold(camera_id=pk, cluster=cluster, since=now) for pk in free],
        ignore_conflicts=True,
        batch_size=AT_ONCE,
    )
    for former in Cluster.objects.filter(pk__in=set(holders.values()) - {cluster.pk}):
        if is_silent(former.asked_at, now):
            _take_over(cluster, former, [pk for pk, holder in holders.items() if holder == former.pk], now)
    return set(CameraHold.objects.filter(cluster=cluster, camera__in=cameras).values_list("camera", flat=True))


@transaction.atomic
def cameras_release(*, cluster: Cluster, released: Collection[int]) -> None:
    """Note that nothing of these cameras is left in the cluster. Their detectors' tokens end at once."""
    ours = CameraHold.objects.select_for_update().filter(cluster=cluster, camera__in=released)
    ids = list(ours.values_list("camera", flat=True))
    if not ids:
        return
    tokens_end(_tokens_of(ids), grace=AT_ONCE_ENDED)
    CameraHold.objects.filter(cluster=cluster, camera__in=ids).delete()
    camera_list_change(camera_ids=ids)


def cluster_classes_record(*, source: str, classes: Sequence[ReportedClass], now: datetime) -> None:
    """Store the classes of the cluster whose operator reports as `source` (cluster and namespace).

    A cluster is known by its name, and one without a name by its identity, which ends with the namespace too.
    """
    name = source.rpartition("/")[0]
    Cluster.objects.filter(Q(identity=source) | Q(name=name) & ~Q(name="")).update(
        classes=[known.model_dump(mode="json") for known in classes], classes_reported_at=now
    )


@transaction.atomic
def _note(query: ClusterQuery, now: datetime) -> Cluster:
    found = _row_of(query)
    if found is None:
        return Cluster.objects.create(name=query.cluster, identity=query.identity, asked_at=now)
    if found.identity != query.identity:
        if found.identity is not None and not is_silent(found.asked_at, now):
            raise ClusterNameTakenError(found.name, found.identity)
        Cluster.objects.filter(identity=query.identity).update(identity=None)
    is_changed = (found.name, found.identity) != (query.cluster, query.identity)
    if is_changed or now - found.asked_at >= NOTED_EVERY:
        found.name, found.identity, found.asked_at = query.cluster, query.identity, now
        found.save(update_fields=["name", "identity", "asked_at"])
    return found


def _row_of(query: ClusterQuery) -> Cluster | None:
    named = Cluster.objects.filter(name=query.cluster).first() if query.cluster else None
    return named or Cluster.objects.filter(identity=query.identity).first()


@transaction.atomic
def _take_over(cluster: Cluster, former: Cluster, ids: list[int], now: datetime) -> None:
    """Let `cluster` hold the cameras of a silent one.

    A detector there that still reports must not report twice, and has delivered what it has seen: its token ends at
    once. One that is cut off may come back with alerts that nobody has: its token ends after the grace period.
    """
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        CameraHold.objects.filter(cluster=former, camera__in=some).update(cluster=cluster, since=now)
        # The update has locked the rows; another cluster may have been faster with some of them.
        taken = set(CameraHold.objects.filter(camera__in=some, since=now).values_list("camera", flat=True))
        reporting = set(
            CameraHealth.objects.filter(camera__in=taken, reported_at__gte=now - REPORT_VALID_FOR).values_list(
                "camera", flat=True
            )
        )
        tokens_end(_tokens_of(reporting), grace=AT_ONCE_ENDED)
        tokens_end(_tokens_of(taken - reporting), grace=GRACE)
    camera_list_change(camera_ids=ids)


def _tokens_of(ids: Collection[int]) -> QuerySet[AuthToken]:
    tokens: QuerySet[AuthToken] = AuthToken.objects.filter(camera__in=ids, scope=Scope.DETECTOR)
    return tokens
