"""Endpoints of legal holds."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Self

import django_filters
from django.db.models import QuerySet
from django.http import Http404
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema
from pydantic import BaseModel, ConfigDict, Field, model_validator
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from surveillance.api.access import USER, principal_of, user_of
from surveillance.api.errors import translate_errors
from surveillance.api.filters import IdFilter
from surveillance.core.validation import InvalidInputError, parse
from surveillance.models import LegalHold
from surveillance.selectors.access import alert_for, camera_for
from surveillance.selectors.holds import holds_visible_to
from surveillance.services.holds import hold_alert, hold_lift, hold_period
from vigil_apps.sites.roles import Role
from vigil_apps.web.pagination import OldestFirstPagination
from vigil_contracts.bounds import Instant, RowId

NOT_YOURS_TO_LIFT = "Only an admin of the site, or the owner of a camera without a site, may lift this hold."
EITHER = "send either alert, or camera with start and end"


class HeldOrder(BaseModel):
    """What is to be kept: an alert, or a period of a camera."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    alert: RowId | None = None
    camera: RowId | None = None
    start: Instant | None = None
    end: Instant | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        is_period = self.camera is not None and self.start is not None and self.end is not None
        has_period = (self.camera, self.start, self.end) != (None, None, None)
        if (self.alert is None) != is_period or (self.alert is not None and has_period):
            raise ValueError(EITHER)
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise ValueError("end must be later than start")
        return self


class LegalHoldOrder(HeldOrder):
    """A new legal hold: on an alert, or on a period of a camera."""

    reason: str = Field(min_length=1, max_length=500)


class LiftOrder(BaseModel):
    """Why a hold is lifted."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    reason: str = Field(min_length=1, max_length=500)


class LegalHoldSerializer(serializers.ModelSerializer[LegalHold]):
    """A legal hold."""

    camera = serializers.IntegerField(source="camera_id", read_only=True)
    alert = serializers.IntegerField(
        source="alert_id", read_only=True, allow_null=True, help_text="Null: the hold is on a period."
    )
    may_lift = serializers.BooleanField(read_only=True, help_text="Whether you may lift it.")

    class Meta:
        model = LegalHold
        fields = ("id", "camera", "alert", "start", "end", "reason", "placed_by", "placed_at", "may_lift")
        read_only_fields = fields


class LegalHoldFilter(django_filters.FilterSet):  # type: ignore[misc] # it has no types
    """Filters of `holds/`."""

    camera = IdFilter(field_name="camera_id")
    alert = IdFilter(field_name="alert_id")

    class Meta:
        model = LegalHold
        fields: ClassVar[list[str]] = []


class LegalHoldListView(ListAPIView[LegalHold]):
    """Legal holds on the user's cameras."""

    scopes = {"GET": USER, "POST": USER}  # noqa: RUF012 read only
    serializer_class = LegalHoldSerializer
    pagination_class = OldestFirstPagination
    filter_backends = (DjangoFilterBackend,)
    filterset_class = LegalHoldFilter

    def get_queryset(self) -> QuerySet[LegalHold]:
        """Return the holds that the user can view."""
        return holds_visible_to(principal_of(self.request))

    @extend_schema(operation_id="holds_list", summary="List legal holds")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Lists the holds in the order in which they were placed."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="holds_create",
        summary="Place a legal hold",
        request=LegalHoldOrder,
        responses={201: LegalHoldSerializer},
    )
    def post(self, request: Request) -> Response:
        """Holds an alert, or the alerts and recordings of a camera in a period. Requires the operator's role.

        Nothing that is held is deleted by retention, a full disk, or the deletion of its camera.
        """
        with translate_errors():
            order = parse(LegalHoldOrder, request.data)
            hold = self._place(request, order)
        return Response(LegalHoldSerializer(_hold_for(request, hold.pk)).data, status=201)

    def _place(self, request: Request, order: LegalHoldOrder) -> LegalHold:
        principal, user = principal_of(request), user_of(request)
        if order.alert is not None:
            with _errors_of_field("alert"):
                alert = alert_for(principal, order.alert, Role.SITE_OPERATOR)
            return hold_alert(alert=alert, reason=order.reason, user=user)
        assert order.camera is not None, "the model requires it without an alert"
        assert order.start is not None, "likewise"
        assert order.end is not None, "likewise"
        with _errors_of_field("camera"):
            camera = camera_for(principal, order.camera, Role.SITE_OPERATOR)
        return hold_period(camera=camera, start=order.start, end=order.end, reason=order.reason, user=user)


class LegalHoldView(APIView):
    """One legal hold."""

    scopes = {"GET": USER}  # noqa: RUF012

    @extend_schema(operation_id="holds_retrieve", summary="Get a legal hold", responses=LegalHoldSerializer)
    def get(self, request: Request, hold_id: int) -> Response:
        """Returns the hold."""
        return Response(LegalHoldSerializer(_hold_for(request, hold_id)).data)


class LegalHoldLiftView(APIView):
    """Lift a legal hold."""

    scopes = {"POST": USER}  # noqa: RUF012

    @extend_schema(operation_id="holds_lift", summary="Lift a legal hold", request=LiftOrder, responses={204: None})
    def post(self, request: Request, hold_id: int) -> Response:
        """Lifts the hold, with a reason for the audit log. Retention applies again within a day.

        Requires the admin's role in the site in which the camera was when the hold was placed; without a site, the
        camera's owner.
        """
        hold = _hold_for(request, hold_id)
        if not getattr(hold, "may_lift", False):
            raise PermissionDenied(NOT_YOURS_TO_LIFT)
        with translate_errors():
            order = parse(LiftOrder, request.data)
        hold_lift(hold=hold, reason=order.reason)
        return Response(status=204)


def _hold_for(request: Request, hold_id: int) -> LegalHold:
    hold = holds_visible_to(principal_of(request)).filter(pk=hold_id).first()
    if hold is None:
        raise Http404
    return hold


@contextmanager
def _errors_of_field(name: str) -> Iterator[None]:
    """An object in the body that the user cannot view is an error of its field."""
    try:
        yield
    except Http404:
        article = "an" if name == "alert" else "a"
        raise InvalidInputError({name: [f"must be the id of {article} {name} that you can view"]}) from None
