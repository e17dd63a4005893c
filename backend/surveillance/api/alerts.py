"""Alerts for people."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from surveillance import pictures
from surveillance.api.access import USER, principal_of, user_of
from surveillance.api.delivery import delivered
from surveillance.api.filters import AlertFilter
from surveillance.api.serializers import (
    AcknowledgedSerializer,
    AlertIdsSerializer,
    CommentSerializer,
    JudgedSerializer,
    JudgementSerializer,
    ResolvedSerializer,
    RuleQualitySerializer,
)
from surveillance.models import Alert
from surveillance.representations import AlertSerializer
from surveillance.selectors.access import alert_for, alerts_visible_to
from surveillance.selectors.alerts import rule_quality
from surveillance.services.alerts import (
    alert_comment,
    alerts_acknowledge,
    alerts_mark_false_positive,
    alerts_resolve,
    alerts_unmark_false_positive,
)
from vigil_apps.sites.roles import Role
from vigil_apps.web.pagination import ByIdPagination, StableOrderingFilter

_LINK = OpenApiResponse(description="Where the file is: `Location` is good for some minutes, without a token.")


class AlertListView(ListAPIView[Alert]):
    """The alerts of the user's cameras."""

    scopes = {"GET": USER}  # noqa: RUF012 read only
    serializer_class = AlertSerializer
    pagination_class = ByIdPagination
    filter_backends = (DjangoFilterBackend, StableOrderingFilter)
    ordering_fields = ("id", "timestamp")
    filterset_class = AlertFilter

    def get_queryset(self) -> QuerySet[Alert]:
        """Those that the request may see."""
        return alerts_visible_to(principal_of(self.request))

    @extend_schema(summary="Alerts")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Pages of alerts, the one stored last first; `ordering=-timestamp` goes by the detectors' clocks instead."""
        return super().get(request, *args, **kwargs)


class AlertView(APIView):
    """One alert."""

    scopes = {"GET": USER}  # noqa: RUF012

    @extend_schema(summary="An alert", responses=AlertSerializer)
    def get(self, request: Request, alert_id: int) -> Response:
        """The alert."""
        return _shown(request, alert_id)


class AcknowledgeView(APIView):
    """Saying that one has seen an alert."""

    scopes = {"POST": USER}  # noqa: RUF012

    @extend_schema(summary="Acknowledge an alert", request=None, responses=AlertSerializer)
    def post(self, request: Request, alert_id: int) -> Response:
        """Acknowledges the alert; who did so first stays noted."""
        alert_for(principal_of(request), alert_id, Role.SITE_OPERATOR)
        alerts_acknowledge(alerts=_handled(request), ids=[alert_id], user=user_of(request), now=timezone.now())
        return _shown(request, alert_id)


class ResolveView(APIView):
    """Closing an alert."""

    scopes = {"POST": USER}  # noqa: RUF012

    @extend_schema(summary="Resolve an alert", request=None, responses=AlertSerializer)
    def post(self, request: Request, alert_id: int) -> Response:
        """Resolves the alert, which acknowledges it too; who did so first stays noted."""
        alert_for(principal_of(request), alert_id, Role.SITE_OPERATOR)
        alerts_resolve(alerts=_handled(request), ids=[alert_id], user=user_of(request), now=timezone.now())
        return _shown(request, alert_id)


class FalsePositiveView(APIView):
    """Saying that the detector was wrong."""

    scopes = {"POST": USER, "DELETE": USER}  # noqa: RUF012

    @extend_schema(summary="Mark as a false positive", request=None, responses=AlertSerializer)
    def post(self, request: Request, alert_id: int) -> Response:
        """Marks the alert as a false positive of its rule, which acknowledges it too."""
        alert_for(principal_of(request), alert_id, Role.SITE_OPERATOR)
        alerts_mark_false_positive(
            alerts=_handled(request), ids=[alert_id], user=user_of(request), now=timezone.now()
        )
        return _shown(request, alert_id)

    @extend_schema(summary="Take that back", request=None, responses={200: AlertSerializer})
    def delete(self, request: Request, alert_id: int) -> Response:
        """Takes the mark back; the alert stays acknowledged."""
        alert_for(principal_of(request), alert_id, Role.SITE_OPERATOR)
        alerts_unmark_false_positive(alerts=_handled(request), ids=[alert_id])
        return _shown(request, alert_id)


class CommentsView(APIView):
    """What people say about an alert."""

    scopes = {"GET": USER, "POST": USER}  # noqa: RUF012

    @extend_schema(summary="Comments on an alert", responses=CommentSerializer(many=True))
    def get(self, request: Request, alert_id: int) -> Response:
        """The comments, oldest first."""
        comments = alert_for(principal_of(request), alert_id).comments.select_related("author")
        return Response(CommentSerializer(comments, many=True).data)

    @extend_schema(summary="Comment on an alert", request=CommentSerializer, responses={201: CommentSerializer})
    def post(self, request: Request, alert_id: int) -> Response:
        """Adds a comment."""
        alert = alert_for(principal_of(request), alert_id, Role.SITE_OPERATOR)
        sent = CommentSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        comment = alert_comment(alert=alert, author=user_of(request), text=sent.validated_data["text"])
        return Response(CommentSerializer(comment).data, status=201)


class RuleQualityView(APIView):
    """Which rules are wrong how often."""

    scopes = {"GET": USER}  # noqa: RUF012

    @extend_schema(summary="False positives of each rule", responses=RuleQualitySerializer(many=True))
    def get(self, request: Request) -> Response:
        """For each camera and rule: how many alerts, and how many were false. The worst first, at most 200."""
        rows = rule_quality(alerts=alerts_visible_to(principal_of(request)), limit=200)
        return Response(RuleQualitySerializer(rows, many=True).data)


class AcknowledgeManyView(APIView):
    """Saying that one has seen many alerts."""

    scopes = {"POST": USER}  # noqa: RUF012

    @extend_schema(
        operation_id="alerts_acknowledge_many",
        summary="Acknowledge alerts",
        request=AlertIdsSerializer,
        responses=AcknowledgedSerializer,
    )
    def post(self, request: Request) -> Response:
        """Acknowledges up to 1,000 alerts. Those that you may not handle stay as they are."""
        ids = _meant(AlertIdsSerializer(data=request.data))["ids"]
        alerts, user = _handled(request), user_of(request)
        return Response({"acknowledged": alerts_acknowledge(alerts=alerts, ids=ids, user=user, now=timezone.now())})


class ResolveManyView(APIView):
    """Closing many alerts."""

    scopes = {"POST": USER}  # noqa: RUF012

    @extend_schema(
        operation_id="alerts_resolve_many",
        summary="Resolve alerts",
        request=AlertIdsSerializer,
        responses=ResolvedSerializer,
    )
    def post(self, request: Request) -> Response:
        """Resolves up to 1,000 alerts and acknowledges them. Those that you may not handle stay as they are."""
        ids = _meant(AlertIdsSerializer(data=request.data))["ids"]
        alerts, user = _handled(request), user_of(request)
        return Response({"resolved": alerts_resolve(alerts=alerts, ids=ids, user=user, now=timezone.now())})


class FalsePositiveManyView(APIView):
    """Saying of many alerts that the detector was wrong."""

    scopes = {"POST": USER}  # noqa: RUF012

    @extend_schema(
        operation_id="alerts_false_positive_many",
        summary="Mark as false positives",
        request=JudgementSerializer,
        responses=JudgedSerializer,
    )
    def post(self, request: Request) -> Response:
        """Marks up to 1,000 alerts, which acknowledges them, or takes the marks back.

        Those that you may not handle stay as they are.
        """
        sent, alerts = _meant(JudgementSerializer(data=request.data)), _handled(request)
        if sent["is_false_positive"]:
            changed = alerts_mark_false_positive(
                alerts=alerts, ids=sent["ids"], user=user_of(request), now=timezone.now()
            )
        else:
            changed = alerts_unmark_false_positive(alerts=alerts, ids=sent["ids"])
        return Response({"changed": changed})


def _handled(request: Request) -> QuerySet[Alert]:
    """Return the alerts that the user may acknowledge, resolve and mark."""
    return alerts_visible_to(principal_of(request), Role.SITE_OPERATOR)


def _shown(request: Request, alert_id: int) -> Response:
    return Response(AlertSerializer(alert_for(principal_of(request), alert_id)).data)


def _meant(sent: AlertIdsSerializer) -> dict[str, Any]:
    sent.is_valid(raise_exception=True)
    return dict(sent.validated_data)


class ClipView(APIView):
    """Clips, by the same right as their alert."""

    scopes = {"GET": USER}  # noqa: RUF012

    @extend_schema(
        summary="An alert's clip",
        parameters=[OpenApiParameter("Range", OpenApiTypes.STR, OpenApiParameter.HEADER)],
        responses={
            (200, "video/mp4"): OpenApiTypes.BINARY,
            (206, "video/mp4"): OpenApiTypes.BINARY,
            302: _LINK,
            416: None,
        },
    )
    def get(self, request: Request, alert_id: int) -> HttpResponse:
        """The MP4, or a part of it: one range of bytes, as players ask for. From S3 by a link that ends soon."""
        alert = alert_for(principal_of(request), alert_id)
        return delivered(
            request._request,
            alert.clip,
            content_type="video/mp4",
            file_name=f"alert-{alert.pk}.mp4",
            headers={"Cache-Control": "private, max-age=86400, immutable"},
        )


class ImageView(APIView):
    """Pictures, by the same right as their alert."""

    scopes = {"GET": USER}  # noqa: RUF012

    @extend_schema(
        summary="An alert's picture",
        parameters=[OpenApiParameter("Range", OpenApiTypes.STR, OpenApiParameter.HEADER)],
        responses={
            (200, "image/jpeg"): OpenApiTypes.BINARY,
            (206, "image/jpeg"): OpenApiTypes.BINARY,
            302: _LINK,
            416: None,
        },
    )
    def get(self, request: Request, alert_id: int) -> HttpResponse:
        """The JPEG. From S3 by a link that ends soon."""
        alert = alert_for(principal_of(request), alert_id)
        etag = pictures.entity_tag(alert.image)
        if alert.image and (unchanged := get_conditional_response(request._request, etag=etag)) is not None:
            return unchanged
        return delivered(
            request._request,
            alert.image,
            content_type="image/jpeg",
            file_name=f"alert-{alert.pk}.jpg",
            headers={"Cache-Control": pictures.CACHE_CONTROL, "ETag": etag},
        )
