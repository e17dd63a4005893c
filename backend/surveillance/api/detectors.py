"""Endpoints for detectors and the Kubernetes operator."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, cast

from django.http import Http404
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.cache import get_conditional_response, patch_cache_control
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from surveillance.api.access import CLUSTER_OPERATOR, DETECTOR, SENDERS, USER_AND_SERVICES, principal_of, user_of
from surveillance.api.clusters import CLUSTER_PARAMETERS, cluster_of
from surveillance.api.errors import translate_errors
from surveillance.api.form_fields import file_of, form_fields
from surveillance.api.forms import AlertFields, ClipFields, ImageFields
from surveillance.api.serializers import DetectorTokenSerializer, DetectorTokensSerializer
from surveillance.core.validation import InvalidInputError, parse
from surveillance.models import Camera, Cluster
from surveillance.representations import AlertSerializer, alert_shown
from surveillance.selectors.access import camera_for, cameras_visible_to
from surveillance.selectors.active import cached_answer
from surveillance.selectors.camera_list import ListVersion, camera_list_version, changed_cameras
from surveillance.selectors.cameras import CONFIGURATION_FORMAT, active_cameras, are_objects_reported, configuration
from surveillance.selectors.clusters import NO_CLUSTER, assigned_to, cluster_tag, runs_in
from surveillance.services.alert_intake import SentAlert, alerts_receive
from surveillance.services.alerts import Stored, alert_replace_image
from surveillance.services.clips import clip_store
from surveillance.services.clusters import cameras_acquire
from surveillance.services.detector_tokens import detector_tokens_rotate
from surveillance.services.heartbeats import heartbeat_record
from vigil_apps.accounts.authentication import ScopedTokenAuthentication
from vigil_apps.accounts.models import AuthToken
from vigil_apps.accounts.permissions import scope_of
from vigil_apps.accounts.scopes import SERVICE_SCOPES, Scope
from vigil_apps.web.rate_limits import require_rate
from vigil_apps.web.strict_fields import refuse_fields
from vigil_contracts.alert import ClipSubmission, ImageSubmission
from vigil_contracts.bounds import MAX_COUNT
from vigil_contracts.camera import CHANGES_ONLY, MAX_CHANGED_CAMERAS, CameraConfiguration
from vigil_contracts.detector_tokens import DetectorTokenOrder
from vigil_contracts.health import Heartbeat

_IF_NONE_MATCH = OpenApiParameter("If-None-Match", OpenApiTypes.STR, OpenApiParameter.HEADER)
_WANTS_CHANGES = OpenApiParameter(
    "A-IM",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    enum=[CHANGES_ONLY],
    description="Asks for the changes since If-None-Match only (RFC 3229).",
)
_CONFIGURATIONS = {"type": "array", "items": {"$ref": "#/components/schemas/CameraConfiguration"}}
_CHANGES = {
    "type": "object",
    "description": "What has changed in the list since If-None-Match.",
    "properties": {
        "cameras": _CONFIGURATIONS
        | {"maxItems": MAX_CHANGED_CAMERAS, "description": "Cameras that are new in the list or have changed."},
        "removed": {
            "type": "array",
            "items": {"type": "integer", "minimum": 1, "maximum": MAX_COUNT},
            "maxItems": MAX_CHANGED_CAMERAS,
            "description": "Cameras that are not in the list now, whether they were before or not.",
            "examples": [[9]],
        },
    },
    "required": ["cameras", "removed"],
}
_ISSUED_FOR = "operator"


class SharedTokens:
    """Lets the requests of a group share one query for their tokens."""

    tokens: Mapping[str, AuthToken] | None = None
    """The valid tokens of a group of requests by digest; None: each request looks for its own."""

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Return what authenticates the request."""
        if self.tokens is None:
            return cast("list[BaseAuthentication]", super().get_authenticators())  # type: ignore[misc]
        return [ScopedTokenAuthentication(self.tokens)]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which list of cameras a request asks for, and the entity tag that it has now."""

    scope: Scope | None
    group: str
    cluster: Cluster | None
    now: datetime
    version: ListVersion
    subject: str
    """What the list depends on in addition to its version."""

    @property
    def has_credentials(self) -> bool:
        """Whether the request may read the cameras' credentials."""
        return self.scope in SERVICE_SCOPES

    @property
    def etag(self) -> str:
        """The entity tag of the list."""
        return f'"{CONFIGURATION_FORMAT}-{self.version}-{self.subject}"'

    def version_of(self, etag: str) -> ListVersion | None:
        """Return the version in an entity tag of this list; None if it is that of another list or format."""
        form, _, rest = etag.removeprefix("W/").strip('"').partition("-")
        version, _, subject = rest.partition("-")
        is_same = (form, subject) == (str(CONFIGURATION_FORMAT), self.subject)
        return ListVersion.read(version) if is_same else None


class ActiveCamerasView(SharedTokens, APIView):
    """The cameras to analyse. Polls without news are answered by the same steps (`surveillance.intake`)."""

    scopes = {"GET": USER_AND_SERVICES}  # noqa: RUF012 read only
    version: ListVersion | None = None
    """The version of the camera list, if it was read together with the tokens."""

    @extend_schema(
        summary="List active cameras",
        parameters=[
            OpenApiParameter("group", OpenApiTypes.STR, description="Return only the cameras of this group."),
            *CLUSTER_PARAMETERS,
            _IF_NONE_MATCH,
            _WANTS_CHANGES,
        ],
        responses={200: _CONFIGURATIONS, 226: _CHANGES, 304: None},
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Returns the active cameras. Only tokens of a pipeline or the Kubernetes operator receive credentials.

        An operator that states its cluster receives that cluster's cameras only, and each camera only once no other
        cluster runs its detector. 409: another cluster uses the name.

        Send the response's ETag as If-None-Match: 304 means that nothing has changed.

        Send `A-IM: vigil-changes` as well to receive only what has changed since then: 226, with the new ETag. If the
        changes are not known for certain, the response is 200 with the whole list. Users always receive that.
        """
        wanted = self._wanted(request)
        unchanged = get_conditional_response(request._request, etag=wanted.etag)
        if unchanged is not None:
            return unchanged
        changed = _changed_since(request, wanted)
        if changed is not None:
            cameras = self._cameras(request, wanted, changed)
            removed = sorted(changed.difference(row["id"] for row in cameras))
            response = _tagged({"cameras": cameras, "removed": removed}, wanted.etag, status=HTTPStatus.IM_USED)
            response["IM"] = CHANGES_ONLY
            return response
        etag = wanted.etag
        answer = cached_answer(
            tag=etag[1:-1],
            has_credentials=wanted.has_credentials,
            make=lambda: self._cameras(request, wanted),
        )
        return _tagged(answer, etag)

    def _cameras(
        self, request: Request, wanted: _Wanted, only: Collection[int] | None = None
    ) -> list[dict[str, Any]]:
        """Return the cameras of the list; with `only`, those of them."""
        cameras = active_cameras(cameras=cameras_visible_to(principal_of(request)), group=wanted.group)
        if only is not None:
            cameras = cameras.filter(pk__in=only)
        cluster, with_credentials = wanted.cluster, wanted.has_credentials
        if cluster is not None:
            cameras_acquire(cluster=cluster, cameras=cameras.filter(assigned_to(cluster)), now=wanted.now)
            cameras = cameras.filter(runs_in(cluster))
        elif with_credentials:
            cameras = cameras.filter(NO_CLUSTER)
        asked = are_objects_reported()
        return [
            configuration(camera=camera, with_credentials=with_credentials, reports_objects=asked)
            for camera in cameras
        ]

    def unchanged(self, request: Request) -> HttpResponseBase | None:
        """Return the response if nothing has changed since the request's entity tag; otherwise None."""
        return get_conditional_response(request._request, etag=self._wanted(request).etag)

    def _wanted(self, request: Request) -> _Wanted:
        """Read the request. Raises an API error."""
        scope = scope_of(request)
        group = request.query_params.get("group", "")[:64]
        # Before the list: a response may be newer than its tag, never older.
        version = camera_list_version() if self.version is None else self.version
        user, now = user_of(request), timezone.now()
        cluster = cluster_of(request, now)
        asks = f"{user.pk}{'s' if user.is_superuser else ''}"
        subject = f"{scope}-{asks}-{group.encode().hex()}"
        if cluster is not None:
            subject = f"{subject}-{cluster_tag(cluster, now)}"
        return _Wanted(scope, group, cluster, now, version, subject)


def _changed_since(request: Request, wanted: _Wanted) -> set[int] | None:
    """Return the cameras that have changed since the request's list; None if it asks for the whole one or needs it.

    For users, who sees which camera also depends on sites and memberships, of which the log knows nothing.
    """
    if not wanted.has_credentials or request.headers.get("A-IM", "") != CHANGES_ONLY:
        return None
    since = wanted.version_of(request.headers.get("If-None-Match", ""))
    return changed_cameras(since=since, until=wanted.version) if since is not None else None


class ConfigurationView(APIView):
    """One camera's configuration, for its detector."""

    scopes = {"GET": DETECTOR}  # noqa: RUF012

    @extend_schema(
        summary="Get a camera's configuration",
        parameters=[_IF_NONE_MATCH],
        responses={200: CameraConfiguration, 304: None},
    )
    def get(self, request: Request, camera_id: int) -> HttpResponseBase:
        """Returns the configuration with credentials; 404 if the camera is inactive or not this token's."""
        camera = camera_for(principal_of(request), camera_id)
        if not camera.is_active:
            raise Http404
        body = configuration(camera=camera, with_credentials=True, reports_objects=are_objects_reported())
        etag = f'"{body["revision"]}"'
        unchanged = get_conditional_response(request._request, etag=etag)
        return unchanged if unchanged is not None else _tagged(body, etag)


class DetectorTokenView(APIView):
    """Issue a token for a detector."""

    scopes = {"POST": CLUSTER_OPERATOR}  # noqa: RUF012

    @extend_schema(
        summary="Create a detector token",
        parameters=CLUSTER_PARAMETERS,
        request=None,
        responses={201: DetectorTokenSerializer},
    )
    def post(self, request: Request, camera_id: int) -> Response:
        """Creates a token for the camera's detector. Earlier ones expire ten minutes later."""
        refuse_fields(request)
        camera = camera_for(principal_of(request), camera_id)
        cluster = cluster_of(request, timezone.now())
        if cluster is not None and not Camera.objects.filter(runs_in(cluster), pk=camera.pk).exists():
            raise Http404
        tokens = detector_tokens_rotate(cameras=[camera], name=_ISSUED_FOR)
        return _never_stored({"token": tokens[camera.pk]})


class DetectorTokensView(APIView):
    """Issue tokens for the detectors of several cameras."""

    scopes = {"POST": CLUSTER_OPERATOR}  # noqa: RUF012

    @extend_schema(
        summary="Create several detector tokens",
        parameters=CLUSTER_PARAMETERS,
        request=DetectorTokenOrder,
        responses={201: DetectorTokensSerializer},
    )
    def post(self, request: Request) -> Response:
        """Creates a token for each camera's detector. Earlier ones expire after ten minutes.

        Skips unknown ids, and cameras that the stated cluster does not hold.
        """
        with translate_errors():
            wanted = parse(DetectorTokenOrder, request.data)
        cluster = cluster_of(request, timezone.now())
        cameras = (
            cameras_visible_to(principal_of(request))
            .filter(pk__in=wanted.cameras)
            .select_related("user")
            .order_by("pk")
        )
        if cluster is not None:
            cameras = cameras.filter(runs_in(cluster))
        return _never_stored({"tokens": detector_tokens_rotate(cameras=list(cameras), name=_ISSUED_FOR)})


def _never_stored(body: Mapping[str, Any]) -> Response:
    response = Response(body, status=201)
    patch_cache_control(response, no_store=True)
    return response


class HeartbeatView(APIView):
    """A camera's health, as reported by its detector."""

    scopes = {"POST": SENDERS}  # noqa: RUF012

    @extend_schema(summary="Report a camera's health", request=Heartbeat, responses={204: None})
    def post(self, request: Request, camera_id: int) -> Response:
        """Stores the report. Send one every 10 s; after 30 s without one, the camera counts as not analysed."""
        camera = camera_for(principal_of(request), camera_id)
        with translate_errors():
            heartbeat = parse(Heartbeat, request.data)
        heartbeat_record(camera=camera, heartbeat=heartbeat, now=timezone.now())
        return Response(status=204)


class SendAlertView(SharedTokens, APIView):
    """Receive alerts. The fast intake calls the same steps for many requests at once (`surveillance.intake`)."""

    scopes = {"POST": SENDERS}  # noqa: RUF012
    parser_classes = (MultiPartParser,)

    @extend_schema(
        summary="Store an alert",
        request={"multipart/form-data": AlertFields},
        responses={201: AlertSerializer, 200: AlertSerializer},
    )
    def post(self, request: Request) -> Response:
        """Stores an alert exactly once: 201, or 200 with the stored alert if its `event_id` is known."""
        (outcome,) = alerts_receive([self.sent_alert(request)], now=timezone.now())
        return self.response_to(outcome)

    def sent_alert(self, request: Request) -> SentAlert:
        """Read the form. Raises an API error."""
        with translate_errors():
            return SentAlert(principal_of(request), form_fields(request, file="image"), file_of(request, "image"))

    def response_to(self, outcome: Stored | Exception) -> Response:
        """Return the response about a stored alert. Raises the API error of one that is not stored."""
        if isinstance(outcome, Stored):
            return Response(alert_shown(outcome.alert), status=201 if outcome.is_new else 200)
        with translate_errors():
            raise outcome


class BetterImageView(APIView):
    """Receive better images for alerts."""

    scopes = {"POST": SENDERS}  # noqa: RUF012
    parser_classes = (MultiPartParser,)

    @extend_schema(
        summary="Replace an alert's image",
        request={"multipart/form-data": ImageFields},
        responses={200: AlertSerializer},
    )
    def post(self, request: Request) -> Response:
        """Replaces the alert's image and deletes the old one. 409 if there is no such alert."""
        with translate_errors():
            submission = parse(ImageSubmission, form_fields(request, file="image"))
            image = file_of(request, "image")
            if image is None:
                raise InvalidInputError({"image": ["must be sent, as a file"]})
            camera = _camera_by_name_only(request, submission.camera)
            require_rate("camera", str(camera.pk))
            alert = alert_replace_image(camera=camera, submission=submission, image=image, now=timezone.now())
        return Response(alert_shown(alert))


class SendClipView(APIView):
    """Receive clips."""

    scopes = {"POST": SENDERS}  # noqa: RUF012
    parser_classes = (MultiPartParser,)

    @extend_schema(
        summary="Store an alert's clip",
        request={"multipart/form-data": ClipFields},
        responses={201: AlertSerializer, 200: AlertSerializer},
    )
    def post(self, request: Request) -> Response:
        """Stores the clip of an alert exactly once: 201, or 200 if it has one. 409 if there is no such alert."""
        with translate_errors():
            submission = parse(ClipSubmission, form_fields(request, file="clip"))
            content = file_of(request, "clip")
            if content is None:
                raise InvalidInputError({"clip": ["must be sent, as a file"]})
            camera = _camera_by_name_only(request, submission.camera)
            stored = clip_store(camera=camera, event_id=submission.event_id, content=content, now=timezone.now())
        return Response(alert_shown(stored.alert), status=201 if stored.is_new else 200)


def _camera_by_name_only(request: Request, camera_id: int) -> Camera:
    """Return the camera without its URL, so that alerts are stored even if the credential keys are missing."""
    camera = cameras_visible_to(principal_of(request)).defer("rtsp_url").filter(pk=camera_id).first()
    if camera is None:
        raise Http404
    return camera


def _tagged(body: object, etag: str, status: int = HTTPStatus.OK) -> Response:
    response = Response(body, status=status, headers={"ETag": etag})
    patch_cache_control(response, private=True, no_cache=True)
    return response
