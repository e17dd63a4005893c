"""The part of a DetectorClass's `status.rollout` on which its detectors depend."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class RolloutPhase(StrEnum):
    """`status.rollout.phase`."""

    SHADOWING = "Shadowing"
    """The new model runs in shadow on some cameras, until the duration is over."""
    HELD = "Held"
    """The duration is over, and the new model is not promoted. It goes on in shadow."""
    PROMOTING = "Promoting"
    """Detectors restart with the new model, a few at a time."""
    PROMOTED = "Promoted"
    """All detectors use the new model."""
    ABORTED = "Aborted"
    """The new model is not used any more."""


@dataclass(frozen=True, slots=True)
class RolloutState:
    """Which model is tried, and how far it is."""

    trial: str = ""
    phase: str = ""
    model: str = ""
    model_sha256: str = ""
    hash_limit: int = -1
    """The trial includes cameras whose hash is at most this; see `core.shadow_choice`."""

    @property
    def runs_shadow(self) -> bool:
        """Whether the model runs in shadow."""
        return self.phase in {RolloutPhase.SHADOWING, RolloutPhase.HELD}

    @property
    def is_promoted(self) -> bool:
        """Whether the model replaces that of the class."""
        return self.phase in {RolloutPhase.PROMOTING, RolloutPhase.PROMOTED}


NO_ROLLOUT = RolloutState()


def rollout_state(status: Mapping[str, Any]) -> RolloutState:
    """Return the state in a class's `status`; the empty one without a rollout."""
    found = status.get("rollout") or {}
    return RolloutState(
        trial=str(found.get("trial", "")),
        phase=str(found.get("phase", "")),
        model=str(found.get("model", "")),
        model_sha256=str(found.get("modelSHA256", "")),
        hash_limit=int(found.get("hashLimit", -1)),
    )
