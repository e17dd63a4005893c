"""The comparison of a new model with the one in use: counted by a detector, summed up by the API and the operator.

The new model runs in shadow: it analyses the same frames, and its events create no alerts.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from vigil_contracts.bounds import Count

CONFIDENCE_BINS = 20
"""Confidences are counted in bins of 0.05."""

MAX_TRIAL_ID_LENGTH = 64

Seconds = Annotated[float, Field(ge=0, le=1e12)]
Bins = Annotated[tuple[Count, ...], Field(min_length=CONFIDENCE_BINS, max_length=CONFIDENCE_BINS)]


class ShadowState(StrEnum):
    """Whether the new model runs."""

    LOADING = "Loading"
    RUNNING = "Running"
    FAILED = "Failed"


class ModelUse(BaseModel):
    """What one of the two models did."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    frames: Count = Field(default=0, description="Frames that were analysed; not each needs an inference.")
    inferences: Count = 0
    inference_seconds: Seconds = Field(default=0.0, description="Sum over all inferences.")
    confidences: Bins = Field(
        default=(0,) * CONFIDENCE_BINS, description="Number of events by confidence, in bins of 0.05."
    )

    def __add__(self, other: "ModelUse") -> "ModelUse":
        """Return the sum."""
        return ModelUse(
            frames=self.frames + other.frames,
            inferences=self.inferences + other.inferences,
            inference_seconds=self.inference_seconds + other.inference_seconds,
            confidences=tuple(one + two for one, two in zip(self.confidences, other.confidences, strict=True)),
        )

    @property
    def seconds_per_inference(self) -> float | None:
        """The mean duration of an inference; None without any."""
        return self.inference_seconds / self.inferences if self.inferences else None

    @property
    def seconds_per_frame(self) -> float | None:
        """What a frame costs on average, with all its inferences; None without any frame."""
        return self.inference_seconds / self.frames if self.frames else None

    @property
    def median_confidence(self) -> float | None:
        """The median confidence of the events, as the middle of its bin; None without any."""
        half, passed = sum(self.confidences) / 2, 0
        for number, count in enumerate(self.confidences):
            passed += count
            if count and passed >= half:
                return round((number + 0.5) / CONFIDENCE_BINS, 3)
        return None


class ShadowCounts(BaseModel):
    """What was compared so far."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    agreed: Count = Field(default=0, description="Events that both models found.")
    missed: Count = Field(default=0, description="Events that only the model in use found.")
    new: Count = Field(default=0, description="Events that only the new model found.")
    skipped_frames: Count = Field(default=0, description="Frames for which the new model had no time.")
    live: ModelUse = Field(default=ModelUse(), description="The model in use.")
    shadow: ModelUse = Field(default=ModelUse(), description="The new model.")

    def __add__(self, other: "ShadowCounts") -> "ShadowCounts":
        """Return the sum."""
        return ShadowCounts(
            agreed=self.agreed + other.agreed,
            missed=self.missed + other.missed,
            new=self.new + other.new,
            skipped_frames=self.skipped_frames + other.skipped_frames,
            live=self.live + other.live,
            shadow=self.shadow + other.shadow,
        )

    @property
    def events(self) -> int:
        """The number of different events."""
        return self.agreed + self.missed + self.new

    @property
    def latency_ratio(self) -> float | None:
        """The new model's duration of an inference, as a multiple of that of the model in use; None if unknown."""
        return _ratio(self.shadow.seconds_per_inference, self.live.seconds_per_inference)

    @property
    def cost_ratio(self) -> float | None:
        """What a frame costs with the new model, as a multiple of its cost with the one in use; None if unknown."""
        return _ratio(self.shadow.seconds_per_frame, self.live.seconds_per_frame)


class ShadowReport(BaseModel):
    """The comparison on one camera."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    trial: str = Field(default="", max_length=MAX_TRIAL_ID_LENGTH, description="The id of the trial.")
    run: str = Field(
        default="", max_length=64, description="Changes when a detector starts to count from zero; empty in answers."
    )
    model: str = Field(default="", max_length=500, description="Name of the new model.")
    state: ShadowState = ShadowState.LOADING
    failure: str = Field(default="", max_length=500, description="Why the new model does not run.")
    counts: ShadowCounts = ShadowCounts()


def _ratio(one: float | None, other: float | None) -> float | None:
    return one / other if one is not None and other else None
