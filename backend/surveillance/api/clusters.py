"""Endpoints and parameters by which an operator states its cluster and hands cameras over."""

from datetime import datetime

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from surveillance.api.access import CLUSTER_OPERATOR
from surveillance.api.errors import translate_errors
from surveillance.core.validation import InvalidInputError, parse
from surveillance.models import Cluster
from surveillance.selectors.clusters import pending_releases
from surveillance.services.clusters import cameras_release, cluster_note
from vigil_apps.accounts.permissions import scope_of
from vigil_apps.accounts.scopes import Scope
from vigil_contracts.clusters import RELEASES_AT_ONCE, CameraReleases, ClusterQuery, PendingReleases

CLUSTER_PARAMETERS = [
    OpenApiParameter("cluster", OpenApiTypes.STR, description="For operators: the cluster's name, if it has one."),
    OpenApiParameter(
        "identity",
        OpenApiTypes.STR,
        description="For operators: identifies the cluster. Without it, cameras that are assigned to a cluster are"
        " left out.",
    ),
]


def cluster_of(request: Request, now: datetime) -> Cluster | None:
    """Return the cluster whose operator asks; None for others, and for operators of an older version.

    Raises an API error.
    """
    if scope_of(request) != Scope.CLUSTER_OPERATOR or "identity" not in request.query_params:
        return None
    with translate_errors():
        query = parse(ClusterQuery, _stated(request))
        return cluster_note(query=query, now=now)


def _stated(request: Request) -> dict[str, str]:
    sent = request.query_params
    return {name: sent[name] for name in ClusterQuery.model_fields if name in sent}


class ReleasesView(APIView):
    """Hand cameras over to another cluster."""

    scopes = {"POST": CLUSTER_OPERATOR}  # noqa: RUF012

    @extend_schema(
        summary="Release cameras", parameters=CLUSTER_PARAMETERS, request=CameraReleases, responses=PendingReleases
    )
    def post(self, request: Request) -> Response:
        """Notes that nothing of these cameras is left in the cluster; returns those that it must still release."""
        with translate_errors():
            releases = parse(CameraReleases, request.data)
            cluster = cluster_of(request, timezone.now())
            if cluster is None:
                raise InvalidInputError({"identity": ["is required, as a parameter of the URL"]})
        cameras_release(cluster=cluster, released=releases.released)
        pending = PendingReleases(cameras=tuple(pending_releases(cluster, RELEASES_AT_ONCE)))
        return Response(pending.model_dump(mode="json"))
