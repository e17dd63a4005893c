"""Endpoints of alerts for users."""

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

from surveillance import images
from surveillance.api.access import USER, principal_of, user_of
from surveillance.api.files import stored_file_response
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
from vigil_apps.web.strict_fields import refuse_fields

_LINK = OpenApiResponse(
    description="`Location` has a link to the file that is valid for some minutes without a token."
)


class AlertListView(ListAPIView[Alert]):
    """The alerts of the user's cameras."""

    scopes = {"GET": USER}  # noqa: RUF012 read only
    serializer_class = AlertSerializer
    pagination_class = ByIdPagination
    filter_backends = (DjangoFilterBackend, StableOrderingFilter)
    ordering_fields = ("id", "timestamp")
    filterset_class = AlertFilter

    def get_queryset(self) -> QuerySet[Alert]:
        """Return the alerts that the user can view."""
        return alerts_visible_to(principal_of(self.request))

    @extend_schema(summary="List alerts")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Lists alerts, the last stored first. `ordering=-timestamp` sorts by the detectors' clocks instead."""
        return super().get(request, *args, **kwargs)


class AlertView(APIView):
    """One alert."""

    scopes = {"GET": USER}  # noqa: RUF012

    @extend_schema(summary="Get an alert", responses=AlertSerializer)
    def get(self, request: Request, alert_id: int) -> Response:
        """Returns the alert."""
        return _alert_response(request, alert_id)


class AcknowledgeView(APIView):
    """Acknowledge an alert."""

    scopes = {"POST": USER}  # noqa: RUF012

    @extend_schema(summary="Acknowledge an alert", request=None, responses=AlertSerializer)
    def post(self, request: Request, alert_id: int) -> Response:
        """Acknowledges the alert. The first user who does so stays recorded."""
        refuse_fields(request)
        alert_for(principal_of(request), alert_id, Role.SITE_OPERATOR)
        alerts_acknowledge(
            alerts=_manageable_alerts(request), ids=[alert_id], user=user_of(request), now=timezone.now()
        )
        return _alert_response(request, alert_id)


class ResolveView(APIView):
    """Resolve an alert."""

    scopes = {"POST": USER}  # noqa: RUF012

    @extend_schema(summary="Resolve an alert", request=None, responses=AlertSerializer)
    def post(self, request: Request, alert_id: int) -> Response:
        """Resolves and acknowledges the alert. The first user who does so stays recorded."""
        refuse_fields(request)
        alert_for(principal_of(request), alert_id, Role.SITE_OPERATOR)
        alerts_resolve(alerts=_manageable_alerts(request), ids=[alert_id], user=user_of(request), now=timezone.now())
        return _alert_response(request, alert_id)


class FalsePositiveView(APIView):
    """Mark an alert as a false positive."""

    scopes = {"POST": USER, "DELETE": USER}  # noqa: RUF012

    @extend_schema(summary="Mark an alert as a false positive", request=None, responses=AlertSerializer)
    def post(self, request: Request, alert_id: int) -> Response:
        """Marks the alert as a false positive of its rule and acknowledges it."""
        refuse_fields(request)
        alert_for(principal_of(request), alert_id, Role.SITE_OPERATOR)
        alerts_mark_false_positive(
            alerts=_manageable_alerts(request), ids=[alert_id], user=user_of(request), now=timezone.now()
        )
        return _alert_response(request, alert_id)

    @extend_schema(summary="Remove the false positive mark", request=None, responses={200: AlertSerializer})
    def delete(self, request: Request, alert_id: int) -> Response:
        """Removes the mark. The alert stays acknowledged."""
        alert_for(principal_of(request), alert_id, Role.SITE_OPERATOR)
        alerts_unmark_false_positive(alerts=_manageable_alerts(request), ids=[alert_id], user=user_of(request))
        return _alert_response(request, alert_id)


class CommentsView(APIView):
    """Comments on an alert."""

    scopes = {"GET": USER, "POST": USER}  # noqa: RUF012

    @extend_schema(summary="List an alert's comments", responses=CommentSerializer(many=True))
    def get(self, request: Request, alert_id: int) -> Response:
        """Lists the comments, the oldest first."""
        comments = alert_for(principal_of(request), alert_id).comments.select_related("author")
        return Response(CommentSerializer(comments, many=True).data)

    @extend_schema(summary="Add a comment", request=CommentSerializer, responses={201: CommentSerializer})
    def post(self, request: Request, alert_id: int) -> Response:
        """Adds a comment."""
        alert = alert_for(principal_of(request), alert_id, Role.SITE_OPERATOR)
        sent = CommentSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        comment = alert_comment(alert=alert, author=user_of(request), text=sent.validated_data["text"])
        return Response(CommentSerializer(comment).data, status=201)


class RuleQualityView(APIView):
    """False positives by rule."""

    scopes = {"GET": USER}  # noqa: RUF012

    @extend_schema(summary="Get false positives by rule", responses=RuleQualitySerializer(many=True))
    def get(self, request: Request) -> Response:
        """Returns the number of alerts and of false positives by camera and rule, the worst first, at most 200."""
        rows = rule_quality(alerts=alerts_visible_to(principal_of(request)), limit=200)
        return Response(RuleQualitySerializer(rows, many=True).data)


class AcknowledgeManyView(APIView):
    """Acknowledge several alerts."""

    scopes = {"POST": USER}  # noqa: RUF012

    @extend_schema(
        operation_id="alerts_acknowledge_many",
        summary="Acknowledge alerts",
        request=AlertIdsSerializer,
        responses=AcknowledgedSerializer,
    )
    def post(self, request: Request) -> Response:
        """Acknowledges up to 1,000 alerts. Alerts that you cannot handle are skipped."""
        ids = _meant(AlertIdsSerializer(data=request.data))["ids"]
        alerts, user = _manageable_alerts(request), user_of(request)
        return Response({"acknowledged": alerts_acknowledge(alerts=alerts, ids=ids, user=user, now=timezone.now())})


class ResolveManyView(APIView):
    """Resolve several alerts."""

    scopes = {"POST": USER}  # noqa: RUF012

    @extend_schema(
        operation_id="alerts_resolve_many",
        summary="Resolve alerts",
        request=AlertIdsSerializer,
        responses=ResolvedSerializer,
    )
    def post(self, request: Request) -> Response:
        """Resolves and acknowledges up to 1,000 alerts. Alerts that you cannot handle are skipped."""
        ids = _meant(AlertIdsSerializer(data=request.data))["ids"]
        alerts, user = _manageable_alerts(request), user_of(request)
        return Response({"resolved": alerts_resolve(alerts=alerts, ids=ids, user=user, now=timezone.now())})


class FalsePositiveManyView(APIView):
    """Mark several alerts as false positives."""

    scopes = {"POST": USER}  # noqa: RUF012

    @extend_schema(
        operation_id="alerts_false_positive_many",
        summary="Mark alerts as false positives",
        request=JudgementSerializer,
        responses=JudgedSerializer,
    )
    def post(self, request: Request) -> Response:
        """Marks and acknowledges up to 1,000 alerts, or removes the marks.

        Alerts that you cannot handle are skipped.
        """
        sent, alerts = _meant(JudgementSerializer(data=request.data)), _manageable_alerts(request)
        if sent["is_false_positive"]:
            changed = alerts_mark_false_positive(
                alerts=alerts, ids=sent["ids"], user=user_of(request), now=timezone.now()
            )
        else:
            changed = alerts_unmark_false_positive(alerts=alerts, ids=sent["ids"], user=user_of(request))
        return Response({"changed": changed})


def _manageable_alerts(request: Request) -> QuerySet[Alert]:
    """Return the alerts that the user can acknowledge, resolve and mark."""
    return alerts_visible_to(principal_of(request), Role.SITE_OPERATOR)


def _alert_response(request: Request, alert_id: int) -> Response:
    return Response(AlertSerializer(alert_for(principal_of(request), alert_id)).data)


def _meant(sent: AlertIdsSerializer) -> dict[str, Any]:
    sent.is_valid(raise_exception=True)
    return dict(sent.validated_data)


class ImageView(APIView):
    """Images; the permissions are those of the alert."""

    scopes = {"GET": USER}  # noqa: RUF012

    @extend_schema(
        summary="Get an alert's image",
        parameters=[OpenApiParameter("Range", OpenApiTypes.STR, OpenApiParameter.HEADER)],
        responses={
            (200, "image/jpeg"): OpenApiTypes.BINARY,
            (206, "image/jpeg"): OpenApiTypes.BINARY,
            302: _LINK,
            416: None,
        },
    )
    def get(self, request: Request, alert_id: int) -> HttpResponse:
        """Returns the JPEG. With S3 storage, redirects to a short-lived link."""
        alert = alert_for(principal_of(request), alert_id)
        etag = images.entity_tag(alert.image)
        if alert.image and (unchanged := get_conditional_response(request._request, etag=etag)) is not None:
            return unchanged
        return stored_file_response(
            request._request,
            alert.image,
            content_type="image/jpeg",
            file_name=f"alert-{alert.pk}.jpg",
            headers={"Cache-Control": images.CACHE_CONTROL, "ETag": etag},
        )
