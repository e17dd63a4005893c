"""For how long a camera's alerts are kept."""

from pydantic import BaseModel, ConfigDict, Field


class RetentionSettings(BaseModel):
    """Limits for a camera's alerts with their images and clips. Recordings have limits of their own."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid", frozen=True)

    days: int | None = Field(
        default=None,
        ge=1,
        le=3650,
        description="Days for which alerts are kept, whatever their state; null: the server's default.",
    )
    megabytes: int | None = Field(
        default=None,
        ge=1,
        le=100_000_000,
        description="Space for the images and clips of alerts in MB: the oldest resolved alerts are deleted; "
        "null: the server's default.",
    )
