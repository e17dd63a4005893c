"""The settings of a subscription: which alerts, through which channel, when and how often."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from vigil_apps.notifications.core.names import ChannelName
from vigil_contracts.names import AlertType
from vigil_contracts.rules import Fraction, Schedule

Ids = Annotated[tuple[Annotated[int, Field(ge=1, le=2**63 - 1)], ...], Field(max_length=1000)]


class SubscriptionSettings(BaseModel):
    """All settings that a user can change."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=100, description="Unique among the user's subscriptions.")
    channel: ChannelName
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
        ge=1,
        le=3600,
        description="Further alerts wait and are combined in the next message. Null: no limit.",
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

    @field_validator("alert_types", "cameras", "sites")
    @classmethod
    def _once_each(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(dict.fromkeys(values))
