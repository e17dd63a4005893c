"""Tokens that the operator orders for detectors."""

from pydantic import BaseModel, ConfigDict, Field

from vigil_contracts.bounds import RowId

TOKENS_AT_ONCE = 100


class DetectorTokenOrder(BaseModel):
    """Cameras whose detectors need a new token each."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    cameras: tuple[RowId, ...] = Field(min_length=1, max_length=TOKENS_AT_ONCE, description="The cameras' ids.")
