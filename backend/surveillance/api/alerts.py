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
from surveillance.api.access import USER, handled_alert, handled_alerts, user_of, visible_alert, visible_alerts
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
from surveillance.selectors.alerts import rule_quality
from surveillance.services.alerts import (
    alert_comment,
    alerts_acknowledge,
    alerts_judge,
    alerts_resolve,
)
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
        return visible_alerts(self.request)

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
        return Response(AlertSerializer(visible_alert(request, alert_id)).data)


class AcknowledgeView(APIView):
    """Saying that one has seen an alert."""

    scopes = {"POST": USER}  # noqa: RUF012

    @extend_schema(summary="Acknowledge an alert", request=None, responses=AlertSerializer)
    def post(self, request: Request, alert_id: int) -> Response:
        """Acknowledges the alert; who did so first stays noted."""
        handled_alert(request, alert_id)
        alerts_acknowledge(alerts=handled_alerts(request), ids=[alert_id], user=user_of(request), now=timezone.now())
        return Response(AlertSerializer(visible_alert(request, alert_id)).data)


class ResolveView(APIView):
    """Closing an alert."""

    scopes = {"POST": USER}  # noqa: RUF012

    @extend_schema(summary="Resolve an alert", request=None, responses=AlertSerializer)
    def post(self, request: Request, alert_id: int) -> Response:
        """Resolves the alert, which acknowledges it too; who did so first stays noted."""
        handled_alert(request, alert_id)
        alerts_resolve(alerts=handled_alerts(request), ids=[alert_id], user=user_of(request), now=timezone.now())
        return Response(AlertSerializer(visible_alert(request, alert_id)).data)


class FalsePositiveView(APIView):
    """Saying that the detector was wrong."""

    scopes = {"POST": USER, "DELETE": USER}  # noqa: RUF012

    @extend_schema(summary="Mark as a false positive", request=None, responses=AlertSerializer)
    def post(self, request: Request, alert_id: int) -> Response:
        """There was nothing: counts against the rule."""
        return self._mark(request, alert_id, is_false_positive=True)

    @extend_schema(summary="Take that back", request=None, responses={200: AlertSerializer})
    def delete(self, request: Request, alert_id: int) -> Response:
        """There was something after all."""
        return self._mark(request, alert_id, is_false_positive=False)

    def _mark(self, request: Request, alert_id: int, *, is_false_positive: bool) -> Response:
        handled_alert(request, alert_id)
        alerts_judge(alerts=handled_alerts(request), ids=[alert_id], is_false_positive=is_false_positive)
        return Response(AlertSerializer(visible_alert(request, alert_id)).data)


class CommentsView(APIView):
    """What people say about an alert."""

    scopes = {"GET": USER, "POST": USER}  # noqa: RUF012

    @extend_schema(summary="Comments on an alert", responses=CommentSerializer(many=True))
    def get(self, request: Request, alert_id: int) -> Response:
        """The comments, oldest first."""
        comments = visible_alert(request, alert_id).comments.select_related("author")
        return Response(CommentSerializer(comments, many=True).data)

    @extend_schema(summary="Comment on an alert", request=CommentSerializer, responses={201: CommentSerializer})
    def post(self, request: Request, alert_id: int) -> Response:
        """Adds a comment."""
        alert = handled_alert(request, alert_id)
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
        rows = rule_quality(alerts=visible_alerts(request), limit=200)
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
        alerts, user = handled_alerts(request), user_of(request)
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
        alerts, user = handled_alerts(request), user_of(request)
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
        """Says so of up to 1,000 alerts, or takes it back. Those that you may not handle stay as they are."""
        sent = _meant(JudgementSerializer(data=request.data))
        return Response({"changed": alerts_judge(alerts=handled_alerts(request), **sent)})


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
        alert = visible_alert(request, alert_id)
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
        alert = visible_alert(request, alert_id)
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
