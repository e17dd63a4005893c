"""What the analysis of one camera costs: measured by a detector, shown by the API, summed up by the operator."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from vigil_contracts.bounds import MAX_COUNT, Count

MAX_CORES = 10_000.0
"""More than any machine has."""


class _Percentiles(BaseModel):
    """The 50th and the 95th percentile of samples. Subclasses narrow both to their unit."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    p50: Annotated[float, Field(ge=0, le=MAX_COUNT)]
    p95: Annotated[float, Field(ge=0, le=MAX_COUNT)]

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.p95 < self.p50:
            raise ValueError("p95 must not be below p50")
        return self


class CorePercentiles(_Percentiles):
    """CPU cores."""

    p50: Annotated[float, Field(ge=0, le=MAX_CORES, description="The median.")]
    p95: Annotated[float, Field(ge=0, le=MAX_CORES, description="The 95th percentile.")]


class BytePercentiles(_Percentiles):
    """Bytes."""

    p50: Annotated[Count, Field(description="The median.")]
    p95: Annotated[Count, Field(description="The 95th percentile.")]


class SharePercentiles(_Percentiles):
    """Shares of time, from 0 to 1."""

    p50: Annotated[float, Field(ge=0, le=1, description="The median.")]
    p95: Annotated[float, Field(ge=0, le=1, description="The 95th percentile.")]


class CameraCost(BaseModel):
    """What one camera costs, over the last hour at most.

    Measured for the process of the detector. If it analyses several cameras, each costs an equal part of it.
    """

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    cpu_cores: CorePercentiles = Field(description="CPU time of the process per second.")
    memory_bytes: BytePercentiles | None = Field(
        default=None, description="Resident memory of the process; null: the system does not tell it."
    )
    inference_share: SharePercentiles = Field(
        description="Share of the time during which at least one inference of the process is in progress."
    )
    seconds: Annotated[int, Field(ge=1, le=86_400, description="How much time the samples cover.")]
