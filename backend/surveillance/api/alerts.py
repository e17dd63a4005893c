"""Alerts for people."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.utils import timezone
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from surveillance import pictures
from surveillance.api.access import USER, user_of, visible_alert, visible_alerts
from surveillance.api.errors import answered
from surveillance.api.filters import AlertFilter
from surveillance.api.pagination import ByIdPagination
from surveillance.api.serializers import AcknowledgedSerializer, AcknowledgeSerializer, AlertSerializer
from surveillance.models import Alert
from surveillance.services.alerts import alerts_acknowledge


class AlertListView(ListAPIView[Alert]):
    """The alerts of the user's cameras."""

    scopes = {"GET": USER}  # noqa: RUF012 read only
    serializer_class = AlertSerializer
    pagination_class = ByIdPagination
    filter_backends = (DjangoFilterBackend,)
    filterset_class = AlertFilter

    def get_queryset(self) -> QuerySet[Alert]:
        """Those that the request may see."""
        return visible_alerts(self.request)

    @extend_schema(summary="Alerts")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Pages of alerts, the one stored last first."""
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
        visible_alert(request, alert_id)
        alerts_acknowledge(alerts=visible_alerts(request), ids=[alert_id], user=user_of(request), now=timezone.now())
        return Response(AlertSerializer(visible_alert(request, alert_id)).data)


class AcknowledgeManyView(APIView):
    """Saying that one has seen many alerts."""

    scopes = {"POST": USER}  # noqa: RUF012

    @extend_schema(
        operation_id="alerts_acknowledge_many",
        summary="Acknowledge alerts",
        request=AcknowledgeSerializer,
        responses=AcknowledgedSerializer,
    )
    def post(self, request: Request) -> Response:
        """Acknowledges up to 1,000 alerts; those that are not yours or acknowledged already are left as they are."""
        sent = AcknowledgeSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        count = alerts_acknowledge(
            alerts=visible_alerts(request),
            ids=sent.validated_data["ids"],
            user=user_of(request),
            now=timezone.now(),
        )
        return Response({"acknowledged": count})


class ImageView(APIView):
    """Pictures, by the same right as their alert."""

    scopes = {"GET": USER}  # noqa: RUF012

    @extend_schema(summary="An alert's picture", responses={(200, "image/jpeg"): OpenApiTypes.BINARY})
    def get(self, request: Request, alert_id: int) -> HttpResponse:
        """The JPEG."""
        alert = visible_alert(request, alert_id)
        with answered():
            content = pictures.read(alert.image) if alert.image else None
        if content is None:
            raise Http404
        return HttpResponse(
            content,
            content_type="image/jpeg",
            headers={
                "Cache-Control": "private, max-age=86400, immutable",
                "X-Content-Type-Options": "nosniff",
                "Content-Disposition": f'inline; filename="alert-{alert.pk}.jpg"',
            },
        )
