"""Read stored detection settings, which may violate newer limits."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from vigil_contracts.detection import Detection
from vigil_contracts.rules import Polygon

WHOLE_FRAME: Polygon = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


def readable_detection(stored: Mapping[str, Any]) -> Detection:
    """Return the settings without invalid fields: a single camera must not break a page."""
    values = dict(stored)
    while True:
        try:
            return Detection.model_validate(values)
        except ValidationError as error:
            invalid = {problem["loc"][0] for problem in error.errors() if problem["loc"]}
            kept = {name: value for name, value in values.items() if name not in invalid}
            values = kept if len(kept) < len(values) else {}


def privacy_masks(stored: Mapping[str, Any]) -> tuple[Polygon, ...]:
    """Return the areas that no viewer may see; the whole frame, not nothing, if the stored masks are invalid."""
    try:
        return Detection.model_validate({"privacy_masks": stored.get("privacy_masks", ())}).privacy_masks
    except ValidationError:
        return (WHOLE_FRAME,)
