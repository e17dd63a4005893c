"""Endpoints of Camera resources: the operator registers those of `kubectl` and reports the state of all."""

from django.http import Http404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from surveillance.api.access import CLUSTER_OPERATOR, USER, principal_of, user_of
from surveillance.api.errors import translate_errors
from surveillance.api.serializers import RegisteredResourceSerializer
from surveillance.core.validation import InvalidInputError, parse
from surveillance.selectors.access import camera_for
from surveillance.selectors.resources import registered_resources, reported_resource
from surveillance.services.registrations import resource_register, resource_unregister
from surveillance.services.resource_states import resource_states_record
from vigil_contracts.names import DeletionPolicy
from vigil_contracts.resources import RegisteredResource, ReportedResource, ResourceRegistration, ResourceStates

MAX_UID_LENGTH = 64


class ResourceListView(APIView):
    """The cameras of registered resources."""

    scopes = {"GET": CLUSTER_OPERATOR}  # noqa: RUF012

    @extend_schema(
        summary="List registered resources",
        parameters=[
            OpenApiParameter("source", OpenApiTypes.STR, required=True, description="Cluster and namespace.")
        ],
        responses=RegisteredResourceSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Lists the registered resources of one cluster and namespace with their camera ids."""
        source = request.query_params.get("source", "")
        return Response(RegisteredResourceSerializer(registered_resources(source=source), many=True).data)


class ResourceView(APIView):
    """One resource, identified by its uid."""

    scopes = {"PUT": CLUSTER_OPERATOR, "DELETE": CLUSTER_OPERATOR}  # noqa: RUF012

    @extend_schema(
        summary="Register a resource",
        request=ResourceRegistration,
        responses={200: RegisteredResource, 201: RegisteredResource},
    )
    def put(self, request: Request, uid: str) -> Response:
        """Creates or updates the camera of the resource. Only the operator can change such a camera."""
        with translate_errors():
            if len(uid) > MAX_UID_LENGTH:
                raise InvalidInputError({"uid": [f"must have {MAX_UID_LENGTH} characters or fewer"]})
            registration = parse(ResourceRegistration, request.data)
            done = resource_register(uid=uid, registration=registration, user=user_of(request))
        answer = RegisteredResource(uid=uid, id=done.camera.pk, digest=registration.digest)
        return Response(answer.model_dump(mode="json"), status=201 if done.is_new else 200)

    @extend_schema(
        summary="Unregister a resource",
        parameters=[
            OpenApiParameter(
                "deletion_policy",
                OpenApiTypes.STR,
                enum=[choice.value for choice in DeletionPolicy],
                description="Omitted: as registered.",
            )
        ],
        responses={204: None},
    )
    def delete(self, request: Request, uid: str) -> Response:
        """Releases the camera of the resource, or deletes it with its alerts; 204 even if there is none."""
        with translate_errors():
            policy = _policy(request.query_params.get("deletion_policy"))
        resource_unregister(uid=uid, now=timezone.now(), policy=policy)
        return Response(status=204)


def _policy(sent: str | None) -> DeletionPolicy | None:
    if sent is None:
        return None
    try:
        return DeletionPolicy(sent)
    except ValueError:
        choices = " or ".join(DeletionPolicy)
        raise InvalidInputError({"deletion_policy": [f"must be {choices}, or omitted"]}) from None


class ResourceStatesView(APIView):
    """The state of resources in the cluster."""

    scopes = {"POST": CLUSTER_OPERATOR}  # noqa: RUF012

    @extend_schema(summary="Report the state of resources", request=ResourceStates, responses={204: None})
    def post(self, request: Request) -> Response:
        """Stores phase, conditions, node and class of each. Send changed resources only. Skips unknown cameras."""
        with translate_errors():
            states = parse(ResourceStates, request.data)
        resource_states_record(states=states, now=timezone.now())
        return Response(status=204)


class CameraResourceView(APIView):
    """The state of a camera's resource, for users."""

    scopes = {"GET": USER}  # noqa: RUF012

    @extend_schema(summary="Get a camera's Kubernetes resource", responses=ReportedResource)
    def get(self, request: Request, camera_id: int) -> Response:
        """Returns phase, conditions, node and class of its detector; 404 if no cluster runs the camera."""
        found = reported_resource(camera=camera_for(principal_of(request), camera_id))
        if found is None:
            raise Http404
        return Response(found.model_dump(mode="json"))
