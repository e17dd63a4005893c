"""Read clusters, and which cameras belong to which."""

from datetime import datetime

from django.conf import settings
from django.db.models import Q, QuerySet

from surveillance.core.clusters import SILENT_AFTER, KnownCluster, unwatched_message
from surveillance.models import Camera, CameraHold, Cluster, ManagedBy

NO_CLUSTER = ~Q(managed_by=ManagedBy.BACKEND, cluster__isnull=False)
"""Cameras that a pipeline, or an operator of an older version that does not state its cluster, may watch."""


def known_cluster_names() -> list[str]:
    """Return the names of all clusters that have one, sorted."""
    return list(Cluster.objects.exclude(name="").order_by("name").values_list("name", flat=True))


def takes_unassigned(cluster: Cluster) -> bool:
    """Return whether cameras without a cluster are offered to this one.

    Without VIGIL_DEFAULT_CLUSTER they are offered to all: the first that asks holds them. So they are until the
    default cluster has asked once: a cluster that is being given this name must not lose its cameras meanwhile.
    """
    default = settings.VIGIL_DEFAULT_CLUSTER
    return default in {"", cluster.name} or not Cluster.objects.filter(name=default).exists()


def assigned_to(cluster: Cluster) -> Q:
    """Return the condition that a camera of the API may be watched by this cluster."""
    assigned = Q(cluster=cluster)
    if takes_unassigned(cluster):
        assigned |= Q(cluster__isnull=True)
    return Q(managed_by=ManagedBy.BACKEND) & assigned


def applied_in(cluster: Cluster) -> Q:
    """Return the condition that a camera was created with kubectl in this cluster, as far as is known."""
    return Q(managed_by=ManagedBy.KUBECTL) & (Q(cluster=cluster) | Q(cluster__isnull=True))


def runs_in(cluster: Cluster) -> Q:
    """Return the condition that this cluster may run the camera's detector now."""
    return applied_in(cluster) | (assigned_to(cluster) & Q(hold__cluster=cluster))


def cluster_tag(cluster: Cluster, now: datetime) -> str:
    """Return what the cluster's list of cameras depends on in addition to the version of the list.

    A list changes without any write when another cluster falls silent, since that one no longer holds its cameras.
    """
    others = Cluster.objects.exclude(pk=cluster.pk).filter(asked_at__gte=now - SILENT_AFTER).order_by("pk")
    asking = ".".join(str(pk) for pk in others.values_list("pk", flat=True))
    return f"{cluster.pk}{'d' if takes_unassigned(cluster) else ''}.{asking}"


def pending_releases(cluster: Cluster, limit: int) -> list[int]:
    """Return cameras that the cluster holds although they are inactive, or assigned to another cluster."""
    held = Camera.objects.filter(hold__cluster=cluster)
    return list(
        held.exclude(assigned_to(cluster), is_active=True).order_by("pk").values_list("pk", flat=True)[:limit]
    )


def holder_of(camera: Camera) -> Cluster | None:
    """Return the cluster that runs the camera's detector; load `camera` with `select_related("hold__cluster")`."""
    try:
        return camera.hold.cluster
    except CameraHold.DoesNotExist:
        return None


def cluster_problem(*, camera: Camera, now: datetime) -> str:
    """Return why no cluster watches the camera; load it with `select_related("cluster", "hold__cluster")`."""
    return unwatched_message(assigned=_known(camera.cluster), holder=_known(holder_of(camera)), now=now)


def _known(cluster: Cluster | None) -> KnownCluster | None:
    return KnownCluster(str(cluster), cluster.asked_at) if cluster is not None else None


def select_clusters(cameras: QuerySet[Camera]) -> QuerySet[Camera]:
    """Load what `holder_of` and `cluster_problem` read, in the same query."""
    return cameras.select_related("cluster", "hold__cluster")
