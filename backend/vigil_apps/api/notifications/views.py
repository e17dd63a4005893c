"""Endpoints of notifications. Each user can access only their own."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.utils.cache import patch_cache_control
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from surveillance.api.errors import translate_errors
from surveillance.core.validation import as_json_object
from vigil_apps.accounts.permissions import USER, user_of
from vigil_apps.api.notifications.serializers import (
    ChannelSerializer,
    MessageSerializer,
    NewSubscriptionSerializer,
    SubscriptionSerializer,
    WebPushSerializer,
)
from vigil_apps.notifications import dispatch
from vigil_apps.notifications.channels import CHANNELS
from vigil_apps.notifications.channels.web_push import public_key
from vigil_apps.notifications.channels.webhook import WebhookTarget
from vigil_apps.notifications.core.names import FORMATS, ChannelName
from vigil_apps.notifications.models import Message, Subscription
from vigil_apps.notifications.selectors import messages_of, subscriptions_of
from vigil_apps.notifications.services.subscriptions import (
    message_create_test,
    subscription_create,
    subscription_delete,
    subscription_update,
    target_of,
    web_push_subscribe,
)
from vigil_apps.web.pagination import ByIdPagination, OldestFirstPagination
from vigil_apps.web.rate_limits import require_rate
from vigil_apps.web.strict_fields import refuse_fields

_READ_ONLY = SubscriptionSerializer.Meta.read_only_fields


class MessagePagination(ByIdPagination):
    """Orders messages by creation time, since their ids are random."""

    ordering = ("-created_at", "-id")


class SubscriptionListView(ListAPIView[Subscription]):
    """The user's subscriptions."""

    scopes = {"GET": USER, "POST": USER}  # noqa: RUF012 read only
    serializer_class = SubscriptionSerializer
    pagination_class = OldestFirstPagination

    def get_queryset(self) -> QuerySet[Subscription]:
        """Return the user's subscriptions."""
        if getattr(self, "swagger_fake_view", False):  # the schema is generated without a request
            return Subscription.objects.none()
        return subscriptions_of(user=user_of(self.request))

    @extend_schema(summary="List subscriptions")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Lists your subscriptions in the order of their creation."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        summary="Create a subscription",
        request=SubscriptionSerializer,
        responses={201: NewSubscriptionSerializer},
    )
    def post(self, request: Request) -> Response:
        """Subscribes you to the selected alerts. The secret of a webhook is shown only once."""
        with translate_errors():
            sent = _request_values(request)
            subscription = subscription_create(user=user_of(request), values=sent)
        target = target_of(subscription)
        is_made_here = isinstance(target, WebhookTarget) and not (sent.get("target") or {}).get("secret")
        secret = target.secret if isinstance(target, WebhookTarget) and is_made_here else ""
        response = Response({"subscription": SubscriptionSerializer(subscription).data, "secret": secret}, status=201)
        patch_cache_control(response, no_store=True)
        return response


class SubscriptionView(APIView):
    """One subscription."""

    scopes = {"GET": USER, "PATCH": USER, "DELETE": USER}  # noqa: RUF012

    @extend_schema(summary="Get a subscription", responses=SubscriptionSerializer)
    def get(self, request: Request, subscription_id: int) -> Response:
        """Returns the subscription with a masked target."""
        return Response(SubscriptionSerializer(_own(request, subscription_id)).data)

    @extend_schema(summary="Change a subscription", request=SubscriptionSerializer, responses=SubscriptionSerializer)
    def patch(self, request: Request, subscription_id: int) -> Response:
        """Changes the given fields. A masked `target` that is sent back unchanged keeps its value."""
        subscription = _own(request, subscription_id)
        with translate_errors():
            subscription = subscription_update(subscription=subscription, values=_request_values(request))
        return Response(SubscriptionSerializer(subscription).data)

    @extend_schema(summary="Delete a subscription", responses={204: None})
    def delete(self, request: Request, subscription_id: int) -> Response:
        """Deletes the subscription and its unsent messages."""
        subscription_delete(subscription=_own(request, subscription_id))
        return Response(status=204)


class TestView(APIView):
    """Send a test message."""

    scopes = {"POST": USER}  # noqa: RUF012

    @extend_schema(summary="Send a test message", request=None, responses={202: MessageSerializer})
    def post(self, request: Request, subscription_id: int) -> Response:
        """Queues a test message. Fetch the message until its state shows the result."""
        refuse_fields(request)
        subscription = _own(request, subscription_id)
        require_rate("address", f"notification-test-{user_of(request).pk}")
        message = message_create_test(subscription=subscription)
        dispatch.announce_message(message.pk)
        return Response(MessageSerializer(message).data, status=202)


class MessageListView(ListAPIView[Message]):
    """A subscription's messages."""

    scopes = {"GET": USER}  # noqa: RUF012
    serializer_class = MessageSerializer
    pagination_class = MessagePagination

    def get_queryset(self) -> QuerySet[Message]:
        """Return the messages, the newest first."""
        if getattr(self, "swagger_fake_view", False):
            return Message.objects.none()
        return messages_of(subscription=_own(self.request, self.kwargs["subscription_id"]))

    @extend_schema(summary="List a subscription's messages")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Lists sent, pending and failed messages with the reason, the newest first. Kept for 30 days."""
        return super().get(request, *args, **kwargs)


class MessageView(APIView):
    """One message."""

    scopes = {"GET": USER}  # noqa: RUF012

    @extend_schema(summary="Get a message", responses=MessageSerializer)
    def get(self, request: Request, subscription_id: int, message_id: UUID) -> Response:
        """Returns the message's delivery state."""
        message = messages_of(subscription=_own(request, subscription_id)).filter(pk=message_id).first()
        if message is None:
            raise Http404
        return Response(MessageSerializer(message).data)


class ChannelListView(APIView):
    """The channels."""

    scopes = {"GET": USER}  # noqa: RUF012

    @extend_schema(summary="List channels", responses=ChannelSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Lists the channels that this server offers, and the fields that each requires."""
        return Response([_channel(name) for name in CHANNELS])


class WebPushView(APIView):
    """Web Push subscriptions of browsers."""

    scopes = {"POST": USER}  # noqa: RUF012

    @extend_schema(
        summary="Subscribe a browser",
        request=WebPushSerializer,
        responses={200: SubscriptionSerializer, 201: SubscriptionSerializer},
    )
    def post(self, request: Request) -> Response:
        """Registers `PushSubscription.toJSON()`: 201 for a new browser, 200 for a known one."""
        sent = WebPushSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        values = sent.validated_data
        with translate_errors():
            subscription, is_new = web_push_subscribe(
                user=user_of(request),
                name=values["name"],
                target={"endpoint": values["endpoint"], "keys": dict(values["keys"])},
            )
        return Response(SubscriptionSerializer(subscription).data, status=201 if is_new else 200)


def _own(request: Request, subscription_id: int) -> Subscription:
    subscription = subscriptions_of(user=user_of(request)).filter(pk=subscription_id).first()
    if subscription is None:
        raise Http404
    return subscription


def _request_values(request: Request) -> dict[str, Any]:
    values = as_json_object(request.data, field="non_field_errors")
    return {name: value for name, value in values.items() if name not in _READ_ONLY}


def _channel(name: ChannelName) -> dict[str, Any]:
    channel = CHANNELS[name]
    problem = channel.unavailable()
    return {
        "name": name.value,
        "title": channel.label,
        "formats": [each.value for each in FORMATS[name]],
        "is_available": not problem,
        "problem": problem,
        "public_key": public_key() if name == ChannelName.WEB_PUSH else "",
        "target": channel.target_type.model_json_schema(),
    }
