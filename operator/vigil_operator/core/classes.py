"""Select the DetectorClass of a camera."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from vigil_contracts.names import Reason
from vigil_operator.core.observed import DetectorClass
from vigil_operator.core.rollout_state import NO_ROLLOUT, RolloutState
from vigil_operator.core.shadow_choice import with_promoted_model
from vigil_operator.core.specs import DetectorClassSpec, InvalidSpecError, parse_class_spec


@dataclass(frozen=True, slots=True)
class ChosenClass:
    """An existing and valid class."""

    name: str
    spec: DetectorClassSpec
    """With the model that its detectors use, which a rollout may have promoted."""
    rollout: RolloutState = NO_ROLLOUT


@dataclass(frozen=True, slots=True)
class NoClass:
    """The reason why there is no class."""

    reason: Reason
    details: str


def choose_class(wanted: str, classes: Mapping[str, DetectorClass]) -> ChosenClass | NoClass:
    """Return the class named `wanted`, or the default class if the camera names none.

    Of several defaults the first by name is used, so that all replicas make the same choice.
    """
    name = wanted or default_class_name(classes)
    if not name:
        return NoClass(
            Reason.DETECTOR_CLASS_NOT_FOUND, "The camera names none, and none is annotated as the default."
        )
    if name not in classes:
        return NoClass(Reason.DETECTOR_CLASS_NOT_FOUND, f"Its name is {name!r}.")
    try:
        rollout = classes[name].rollout
        return ChosenClass(name, _parsed(classes[name].spec_json, rollout), rollout)
    except InvalidSpecError as error:
        return NoClass(Reason.INVALID_SPEC, f"DetectorClass {name!r}: {error}")


@lru_cache(maxsize=64)
def _parsed(spec_json: str, rollout: RolloutState) -> DetectorClassSpec:
    """Parse a class's spec once for all its cameras. Raises `InvalidSpecError`."""
    return with_promoted_model(parse_class_spec(json.loads(spec_json)), rollout)


def default_class_name(classes: Mapping[str, DetectorClass]) -> str:
    """Return the name of the default class; empty if there is none."""
    return min((name for name, found in classes.items() if found.is_default), default="")
