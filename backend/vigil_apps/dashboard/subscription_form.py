"""The fields of a new subscription, which depend on its channel. The API validates them."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from vigil_apps.notifications.channels import CHANNELS
from vigil_apps.notifications.core.names import FORMATS, ChannelName, MessageFormat

Text = str | Promise

FORMAT_TEXTS: dict[MessageFormat, Text] = {
    MessageFormat.VIGIL: _("Alerts"),
    MessageFormat.CLOUDEVENTS: _("CloudEvents (each change of alerts and cameras)"),
}


@dataclass(frozen=True, slots=True)
class TargetField:
    """A field of a channel's target. With `choices`, the first is the default."""

    name: str
    label: Text
    placeholder: Text = ""
    help: Text = ""
    is_required: bool = True
    is_secret: bool = False
    max_length: int = 2000
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChannelForm:
    """A channel with the fields of its target. `problem`: why this server cannot use it; empty if it can."""

    name: str
    label: str
    problem: str
    fields: tuple[TargetField, ...]
    formats: tuple[tuple[str, Text], ...]


_LOGIN_IN_URL = _(
    "Include user and password if the broker requires them. They are stored encrypted and not shown again."
)

_FIELDS: dict[ChannelName, tuple[TargetField, ...]] = {
    ChannelName.EMAIL: (TargetField("address", _("Email address"), "anna@example.org", max_length=254),),
    ChannelName.WEBHOOK: (
        TargetField("url", _("URL"), "https://…", _("Path and query are stored encrypted and not shown again.")),
        TargetField(
            "secret",
            _("Signing secret"),
            "whsec_…",
            _("Leave it empty to have one generated. It is shown only once."),
            is_required=False,
            is_secret=True,
            max_length=120,
        ),
    ),
    ChannelName.MQTT: (
        TargetField("url", _("Broker URL"), "mqtts://user:password@broker.example:8883", _LOGIN_IN_URL),
        TargetField("topic", _("Topic"), "vigil/alerts", max_length=200),
    ),
    ChannelName.KAFKA: (
        TargetField("url", _("Brokers"), "kafkas://user:password@broker1:9093,broker2:9093", _LOGIN_IN_URL),
        TargetField("topic", _("Topic"), "vigil.events", max_length=249),
        TargetField(
            "sasl_mechanism",
            _("SASL mechanism"),
            help=_("How user and password are sent. Choose PLAIN only with kafkas://."),
            choices=("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"),
        ),
    ),
    ChannelName.APPRISE: (
        TargetField(
            "url",
            _("Apprise URL"),
            "tgram://…",
            _("URL of a chat service, in the format of Apprise. It is stored encrypted and not shown again."),
        ),
    ),
}


def channel_forms() -> list[ChannelForm]:
    """Return the channels that a form can offer, available ones first. A browser subscribes itself to Web Push."""
    forms = [
        ChannelForm(
            name=name.value,
            label=CHANNELS[name].label,
            problem=CHANNELS[name].unavailable(),
            fields=fields,
            formats=tuple((each.value, FORMAT_TEXTS[each]) for each in FORMATS[name]),
        )
        for name, fields in _FIELDS.items()
    ]
    return sorted(forms, key=lambda form: bool(form.problem))
