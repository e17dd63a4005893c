"""Tokens that the Kubernetes operator requests for detectors."""

from pydantic import BaseModel, ConfigDict, Field

from vigil_contracts.bounds import RowId

TOKENS_AT_ONCE = 100


class DetectorTokenOrder(BaseModel):
    """Cameras whose detectors each need a new token."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    cameras: tuple[RowId, ...] = Field(min_length=1, max_length=TOKENS_AT_ONCE, description="The cameras' ids.")
