"""Endpoints of cases, their members and items."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from surveillance.api.access import USER, principal_of, user_of
from surveillance.api.errors import translate_errors
from surveillance.core.validation import InvalidInputError, parse
from surveillance.selectors.access import alert_for, camera_for
from vigil_apps.api.evidence.orders import CaseChange, CaseCloseOrder, CaseItemOrder, CaseMemberOrder, CaseOrder
from vigil_apps.api.evidence.serializers import (
    CaseDetailSerializer,
    CaseItemSerializer,
    CaseMemberSerializer,
    CaseSerializer,
)
from vigil_apps.evidence import cases
from vigil_apps.evidence.cases import CaseStateError
from vigil_apps.evidence.models import Case, CaseItem
from vigil_apps.evidence.selectors import case_for, cases_visible_to
from vigil_apps.evidence.signing import NoSigningKeyError
from vigil_apps.sites.roles import Role
from vigil_apps.web.api_errors import ConflictError
from vigil_apps.web.pagination import ByIdPagination


@contextmanager
def translate_case_errors() -> Iterator[None]:
    """Errors raised inside become 400, 409, or 503."""
    try:
        with translate_errors():
            yield
    except (CaseStateError, NoSigningKeyError) as error:
        raise ConflictError(str(error)) from None


class CaseListView(ListAPIView[Case]):
    """The user's cases."""

    scopes = {"GET": USER, "POST": USER}  # noqa: RUF012 read only
    serializer_class = CaseSerializer
    pagination_class = ByIdPagination

    def get_queryset(self) -> QuerySet[Case]:
        """Return the cases that the user owns or is a member of."""
        return cases_visible_to(principal_of(self.request))

    @extend_schema(operation_id="cases_list", summary="List cases")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Lists the cases that you own or are a member of, the newest first."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="cases_create", summary="Create a case", request=CaseOrder, responses={201: CaseDetailSerializer}
    )
    def post(self, request: Request) -> Response:
        """Creates a case that you own."""
        with translate_case_errors():
            order = parse(CaseOrder, request.data)
            case = cases.case_create(user=user_of(request), values=order.model_dump())
        return Response(CaseDetailSerializer(case).data, status=201)


class CaseView(APIView):
    """One case."""

    scopes = {"GET": USER, "PATCH": USER, "DELETE": USER}  # noqa: RUF012

    @extend_schema(operation_id="cases_retrieve", summary="Get a case", responses=CaseDetailSerializer)
    def get(self, request: Request, case_id: int) -> Response:
        """Returns the case with its members, items and exports."""
        return Response(CaseDetailSerializer(case_for(principal_of(request), case_id)).data)

    @extend_schema(
        operation_id="cases_update", summary="Change a case", request=CaseChange, responses=CaseDetailSerializer
    )
    def patch(self, request: Request, case_id: int) -> Response:
        """Changes title, reference or notes. Members may do this too; each change is in the audit log."""
        case = case_for(principal_of(request), case_id)
        with translate_case_errors():
            change = parse(CaseChange, request.data)
            cases.case_update(case=case, values=change.model_dump(exclude_unset=True))
        return Response(CaseDetailSerializer(case).data)

    @extend_schema(operation_id="cases_delete", summary="Delete a case", responses={204: None})
    def delete(self, request: Request, case_id: int) -> Response:
        """Deletes a closed case with its exports. Requires its owner. Recordings are not deleted by this."""
        case = case_for(principal_of(request), case_id, manages=True)
        with translate_case_errors():
            cases.case_delete(case=case)
        return Response(status=204)


class CaseCloseView(APIView):
    """Close a case."""

    scopes = {"POST": USER}  # noqa: RUF012

    @extend_schema(
        operation_id="cases_close", summary="Close a case", request=CaseCloseOrder, responses=CaseDetailSerializer
    )
    def post(self, request: Request, case_id: int) -> Response:
        """Lifts the legal holds of all items: what no other hold keeps can then be deleted by retention.

        Requires the owner of the case, who must also have the right to lift each hold.
        """
        case = case_for(principal_of(request), case_id, manages=True)
        with translate_case_errors():
            order = parse(CaseCloseOrder, request.data)
            cases.case_close(case=case, reason=order.reason, principal=principal_of(request))
        return Response(CaseDetailSerializer(case).data)


class CaseMemberListView(APIView):
    """The members of a case."""

    scopes = {"POST": USER}  # noqa: RUF012

    @extend_schema(
        operation_id="cases_members_create",
        summary="Add a member to a case",
        request=CaseMemberOrder,
        responses={201: CaseMemberSerializer(many=True)},
    )
    def post(self, request: Request, case_id: int) -> Response:
        """Lets another user see the case and download its exports. Requires its owner. Returns all members.

        You can add users who share a site with you; a superuser can add anyone. A member gets no right to a camera.
        """
        case = case_for(principal_of(request), case_id, manages=True)
        with translate_case_errors():
            order = parse(CaseMemberOrder, request.data)
            cases.member_add(case=case, username=order.username, user=user_of(request))
        return Response(CaseMemberSerializer(case.members.order_by("pk"), many=True).data, status=201)


class CaseMemberView(APIView):
    """One member of a case."""

    scopes = {"DELETE": USER}  # noqa: RUF012

    @extend_schema(operation_id="cases_members_delete", summary="Remove a member from a case", responses={204: None})
    def delete(self, request: Request, case_id: int, user_id: int) -> Response:
        """Takes the case away from a member. Requires its owner."""
        case = case_for(principal_of(request), case_id, manages=True)
        member: User | None = case.members.filter(pk=user_id).first()
        if member is None:
            raise Http404
        with translate_case_errors():
            cases.member_remove(case=case, member=member)
        return Response(status=204)


class CaseItemListView(APIView):
    """The items of a case."""

    scopes = {"POST": USER}  # noqa: RUF012

    @extend_schema(
        operation_id="cases_items_create",
        summary="Add an item to a case",
        request=CaseItemOrder,
        responses={201: CaseItemSerializer},
    )
    def post(self, request: Request, case_id: int) -> Response:
        """Adds an alert, or a period of a camera, and places a legal hold on it.

        Requires the operator's role for the camera. The hold lasts until the item is removed or the case closed.
        """
        case = case_for(principal_of(request), case_id)
        with translate_case_errors():
            item = self._add(request, case, parse(CaseItemOrder, request.data))
        return Response(CaseItemSerializer(item).data, status=201)

    def _add(self, request: Request, case: Case, order: CaseItemOrder) -> CaseItem:
        principal, user = principal_of(request), user_of(request)
        if order.alert is not None:
            with _missing_named("alert", "an alert"):
                alert = alert_for(principal, order.alert, Role.SITE_OPERATOR)
            return cases.alert_add(case=case, alert=alert, user=user)
        assert order.camera is not None, "the model requires it without an alert"
        assert order.start is not None, "likewise"
        assert order.end is not None, "likewise"
        with _missing_named("camera", "a camera"):
            camera = camera_for(principal, order.camera, Role.SITE_OPERATOR)
        return cases.period_add(case=case, camera=camera, start=order.start, end=order.end, user=user)


class CaseItemView(APIView):
    """One item of a case."""

    scopes = {"DELETE": USER}  # noqa: RUF012

    @extend_schema(operation_id="cases_items_delete", summary="Remove an item from a case", responses={204: None})
    def delete(self, request: Request, case_id: int, item_id: int) -> Response:
        """Removes the item and lifts its hold. Requires the owner of the case, and the right to lift the hold."""
        case = case_for(principal_of(request), case_id, manages=True)
        item = case.items.select_related("hold").filter(pk=item_id).first()
        if item is None:
            raise Http404
        with translate_case_errors():
            cases.item_remove(case=case, item=item, principal=principal_of(request))
        return Response(status=204)


@contextmanager
def _missing_named(field: str, what: str) -> Iterator[None]:
    """An object in the body that the user cannot view is an error of its field."""
    try:
        yield
    except Http404:
        raise InvalidInputError({field: [f"must be the id of {what} that you can view"]}) from None
