"""What a subscription says: of which alerts, through which channel, when and how often."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from vigil_apps.notifications.core.names import ChannelName
from vigil_contracts.names import AlertType
from vigil_contracts.rules import Fraction, Schedule

Ids = Annotated[tuple[Annotated[int, Field(ge=1, le=2**63 - 1)], ...], Field(max_length=1000)]


class SubscriptionSettings(BaseModel):
    """All that a user can set."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=100, description="Unique among the user's subscriptions.")
    channel: ChannelName
    target: dict[str, Any] = Field(description="Where the channel sends to; each channel has fields of its own.")
    is_active: bool = True
    alert_types: tuple[AlertType, ...] = Field(
        default=(), max_length=len(AlertType), description="Only these; empty: all."
    )
    cameras: Ids = Field(default=(), description="Only these cameras and those of `sites`; both empty: all you see.")
    sites: Ids = Field(default=(), description="Only the cameras of these sites, and those of `cameras`.")
    minimum_confidence: Fraction = Field(default=0.0, description="Only alerts that are at least this sure.")
    schedule: Schedule | None = Field(
        default=None,
        description="When you want to hear of alerts; what comes at other times is not told. Null: always.",
    )
    messages_per_hour: int | None = Field(
        default=60,
        ge=1,
        le=3600,
        description="Alerts beyond it wait, and come together in the next message that it allows. Null: no limit.",
    )
    digest_minutes: int = Field(
        default=0, ge=0, le=1440, description="Alerts of this many minutes come in one message. 0: each at once."
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
