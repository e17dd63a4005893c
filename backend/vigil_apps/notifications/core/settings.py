"""The settings of a subscription: which alerts, through which channel, when and how often."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from vigil_apps.notifications.core.names import FORMATS, ChannelName, MessageFormat
from vigil_contracts.names import AlertType
from vigil_contracts.rules import Fraction, Schedule

Ids = Annotated[tuple[Annotated[int, Field(ge=1, le=2**63 - 1)], ...], Field(max_length=1000)]


class SubscriptionSettings(BaseModel):
    """All settings that a user can change."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=100, description="Unique among the user's subscriptions.")
    channel: ChannelName
    format: MessageFormat | None = Field(
        default=None,
        validate_default=True,
        description="`vigil`: alerts. `cloudevents`: one CloudEvent for each change of an alert or a camera.",
    )
    target: dict[str, Any] = Field(description="Where the channel sends to; the fields depend on the channel.")
    is_active: bool = True
    alert_types: tuple[AlertType, ...] = Field(
        default=(), max_length=len(AlertType), description="Only alerts of these types; empty: all."
    )
    cameras: Ids = Field(
        default=(), description="Only these cameras and those of `sites`; both empty: all that you can view."
    )
    sites: Ids = Field(default=(), description="Only the cameras of these sites, and those of `cameras`.")
    minimum_confidence: Fraction = Field(default=0.0, description="Only alerts with at least this confidence.")
    schedule: Schedule | None = Field(
        default=None,
        description="When to notify. Alerts at other times are not sent. Null: always.",
    )
    messages_per_hour: int | None = Field(
        default=60,
        validate_default=True,
        ge=1,
        le=3600,
        description="Further alerts wait and are combined in the next message. Null: no limit, as with CloudEvents.",
    )
    digest_minutes: int = Field(
        default=0,
        ge=0,
        le=1440,
        description="Combine the alerts of this many minutes in one message. 0: send immediately.",
    )

    @field_validator("name")
    @classmethod
    def _is_no_blank(cls, name: str) -> str:
        if not name.strip():
            raise ValueError("must not be blank")
        return name.strip()

    @field_validator("format")
    @classmethod
    def _suits_the_channel(cls, sent: MessageFormat | None, info: ValidationInfo) -> MessageFormat | None:
        possible = FORMATS.get(info.data.get("channel", ""), tuple(MessageFormat))
        if sent is not None and sent not in possible:
            raise ValueError(f"must be {' or '.join(possible)} for this channel")
        return sent or possible[0]

    @field_validator("messages_per_hour")
    @classmethod
    def _is_not_for_events(cls, limit: int | None, info: ValidationInfo) -> int | None:
        return None if info.data.get("format") == MessageFormat.CLOUDEVENTS else limit

    @field_validator("digest_minutes")
    @classmethod
    def _is_zero_for_events(cls, minutes: int, info: ValidationInfo) -> int:
        if minutes and info.data.get("format") == MessageFormat.CLOUDEVENTS:
            raise ValueError("must be 0 for CloudEvents: each is a message")
        return minutes

    @field_validator("alert_types", "cameras", "sites")
    @classmethod
    def _once_each(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(dict.fromkeys(values))
