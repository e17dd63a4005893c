"""Read what clusters report about detector classes: the room, what detectors request, and what cameras cost."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from pydantic import ValidationError

from surveillance.core.clusters import SILENT_AFTER
from surveillance.core.rooms import RoomProblem, class_name_of, room_problem
from surveillance.models import Camera, CameraResourceState, Cluster
from surveillance.selectors.clusters import assigned_to, holder_of
from vigil_contracts.names import CameraPhase
from vigil_contracts.resources import ReportedClass

COUNTED_WITHIN = timedelta(minutes=2)
"""After this time the operator's report counts an activated camera. Only changes are reported, so an older report may
be current."""


def room_problem_of(camera: Camera) -> RoomProblem | None:
    """Return why the camera waits, or would wait if it were activated; None if there is room or it is unknown.

    A camera whose detector has a node, or is asleep, does not wait for room. Load `camera` with
    `select_related("cluster", "hold__cluster", "resource_state")`.
    """
    if camera.is_active and _is_placed(camera):
        return None
    cluster = _cluster_of(camera)
    return next(_problems_in(cluster, [camera]), None) if cluster is not None else None


def reported_class_of(camera: Camera) -> ReportedClass | None:
    """Return what its cluster reports about the class of the camera's detector; None without a report.

    Load `camera` as for `room_problem_of`.
    """
    cluster = _cluster_of(camera)
    classes = _classes_in(cluster) if cluster is not None else []
    in_use = camera.resource_state.detector_class if hasattr(camera, "resource_state") else ""
    name = in_use or class_name_of(classes, camera.detector_class_name)
    return next((known for known in classes if known.name == name), None)


def reported_classes() -> list[tuple[Cluster, ReportedClass]]:
    """Return the detector classes of all clusters, sorted by cluster and name."""
    return [(cluster, known) for cluster in Cluster.objects.all() for known in _classes_in(cluster)]


def room_problems_of(cameras: Iterable[Camera]) -> list[RoomProblem]:
    """Return for each class, if it has no room for all of these cameras without a place, how many wait.

    Those that are inactive need no room. The number of queries depends on the clusters and classes only.
    """
    by_cluster: defaultdict[int | None, list[Camera]] = defaultdict(list)
    for camera in cameras:
        if camera.is_active:
            by_cluster[camera.cluster_id].append(camera)
    clusters: dict[int | None, Cluster | None] = dict(Cluster.objects.in_bulk([pk for pk in by_cluster if pk]))
    if None in by_cluster:
        clusters[None] = _default_cluster()
    return [
        problem
        for pk, some in by_cluster.items()
        if (cluster := clusters.get(pk)) is not None
        for problem in _problems_in(cluster, some)
    ]


def _problems_in(cluster: Cluster, cameras: Collection[Camera]) -> Iterator[RoomProblem]:
    """Yield the problem of each class of the `cameras`, as if none of them had a place yet."""
    if cluster.classes_reported_at is None:
        return
    classes = _classes_in(cluster)
    ids: defaultdict[str, list[int]] = defaultdict(list)
    for camera in cameras:
        ids[class_name_of(classes, camera.detector_class_name)].append(camera.pk)
    default = class_name_of(classes, "")
    since = max(cluster.classes_reported_at, timezone.now() - COUNTED_WITHIN)
    newer = Camera.objects.filter(assigned_to(cluster), is_active=True, activated_at__gt=since)
    for name in (known.name for known in classes if known.room is not None and known.name in ids):
        named = Q(detector_class_name=name) | (Q(detector_class_name="") if name == default else Q())
        count = newer.filter(named).exclude(pk__in=ids[name]).count()
        problem = room_problem(classes, name, newer=count, cameras=len(ids[name]))
        if problem is not None:
            yield problem


def _is_placed(camera: Camera) -> bool:
    try:
        return bool(camera.resource_state.node) or camera.resource_state.phase == CameraPhase.ASLEEP.value
    except CameraResourceState.DoesNotExist:
        return False


def _cluster_of(camera: Camera) -> Cluster | None:
    return camera.cluster or holder_of(camera) or _default_cluster()


def _default_cluster() -> Cluster | None:
    """Return the cluster that gets cameras without one, if there is no doubt."""
    asking = Cluster.objects.filter(asked_at__gte=timezone.now() - SILENT_AFTER)
    if settings.VIGIL_DEFAULT_CLUSTER:
        return asking.filter(name=settings.VIGIL_DEFAULT_CLUSTER).first()
    found = list(asking[:2])
    return found[0] if len(found) == 1 else None


def _classes_in(cluster: Cluster) -> list[ReportedClass]:
    try:
        return [ReportedClass.model_validate(each) for each in cluster.classes or ()]
    except ValidationError:  # stored before the contract had its limits
        return []
