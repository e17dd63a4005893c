"""Serializer of the integration's settings. `core.settings` validates the input."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from vigil_apps.home_assistant.models import HomeAssistant
from vigil_apps.home_assistant.selectors import is_from_environment, masked_broker_url
from vigil_contracts.bounds import MAX_COUNT

_IDS = {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": MAX_COUNT}, "maxItems": 1000}


@extend_schema_field({"type": "string", "maxLength": 2000})
class BrokerUrlField(serializers.JSONField):
    """The broker's URL; responses mask it."""

    def get_attribute(self, instance: HomeAssistant) -> Any:
        """Return the masked URL, never the stored one."""
        return masked_broker_url(instance)


@extend_schema_field(_IDS)
class SiteIdsField(serializers.JSONField):
    """A list of ids."""


@extend_schema_field({"type": "string", "maxLength": 150})
class UsernameField(serializers.JSONField):
    """The name of a user; empty for none."""

    def get_attribute(self, instance: HomeAssistant) -> Any:
        """Return the user's name."""
        return instance.acts_as.get_username() if instance.acts_as is not None else ""


class HomeAssistantSerializer(serializers.ModelSerializer[HomeAssistant]):
    """Settings and state of the integration."""

    url = BrokerUrlField(
        required=False,
        help_text="mqtt://user:password@host:1883, or mqtts:// with TLS. Responses mask it; the masked URL changes "
        "nothing when it is sent back.",
    )
    sites = SiteIdsField(required=False, help_text="Only the cameras of these sites; empty: all cameras.")
    acts_as = UsernameField(
        required=False,
        help_text="The user with whose rights switches in Home Assistant activate and deactivate cameras. Empty: "
        "there are no switches.",
    )
    discovery_prefix = serializers.CharField(
        max_length=100, required=False, help_text="As in Home Assistant's MQTT settings; default `homeassistant`."
    )
    is_from_environment = serializers.SerializerMethodField(help_text="`VIGIL_MQTT_URL` names the broker.")

    class Meta:
        model = HomeAssistant
        fields = (
            "is_enabled",
            "url",
            "discovery_prefix",
            "sites",
            "acts_as",
            "is_from_environment",
            "is_connected",
            "problem",
        )
        read_only_fields = ("is_from_environment", "is_connected", "problem")

    def get_is_from_environment(self, _: Any) -> bool:
        """Return whether the environment names the broker."""
        return is_from_environment()
