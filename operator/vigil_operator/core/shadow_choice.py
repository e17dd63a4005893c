"""Which cameras take part in the trial of a new model, and which model a class uses.

The choice depends on the camera's uid and the trial alone: it survives restarts, and a new camera changes it for no
other one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from math import ceil

from vigil_contracts.detection import Detection
from vigil_operator.core.rollout_state import RolloutState
from vigil_operator.core.specs import DetectorClassSpec

HASH_BYTES = 4
HASHES: int = 2 ** (8 * HASH_BYTES)


@dataclass(frozen=True, slots=True)
class ShadowModel:
    """The model that a detector runs in shadow."""

    model: str
    model_sha256: str
    trial: str


def camera_hash(trial: str, camera_uid: str) -> int:
    """Return the camera's number in a trial, from 0 to `HASHES` - 1."""
    digest = sha256(f"{trial}/{camera_uid}".encode()).digest()
    return int.from_bytes(digest[:HASH_BYTES], "big")


def hash_limit(trial: str, camera_uids: Iterable[str], percent: int) -> int:
    """Return the limit up to which as many of these cameras take part as `percent` says, at least one."""
    hashes = sorted(camera_hash(trial, uid) for uid in camera_uids)
    if not hashes:
        return HASHES * percent // 100 - 1
    return hashes[ceil(len(hashes) * percent / 100) - 1]


def is_tried(spec: DetectorClassSpec, state: RolloutState) -> bool:
    """Return whether the state is about the model that the class names now; its status may be older than its spec."""
    rollout = spec.rollout
    return rollout is not None and (rollout.model, rollout.model_sha256.lower()) == (state.model, state.model_sha256)


def with_promoted_model(spec: DetectorClassSpec, state: RolloutState) -> DetectorClassSpec:
    """Return the spec with the model that its detectors use: the promoted one instead of `spec.model`."""
    if not (state.is_promoted and is_tried(spec, state)):
        return spec
    return spec.model_copy(update={"model": state.model, "model_sha256": state.model_sha256})


def shadow_of(
    spec: DetectorClassSpec, state: RolloutState, camera_uid: str, detection: Detection
) -> ShadowModel | None:
    """Return the model that runs in shadow on a camera; None if it takes no part.

    A camera that names models of its own does not use the class's, with which the new one is compared.
    """
    if not (state.runs_shadow and is_tried(spec, state)):
        return None
    if not detection.uses_models or [(one.model, one.prompts) for one in detection.chosen_models] != [("", ())]:
        return None
    if camera_hash(state.trial, camera_uid) > state.hash_limit:
        return None
    return ShadowModel(state.model, state.model_sha256, state.trial)
