"""The forms that detectors send, for the API's schema: the models that validate them, and a file.

These classes only describe. `surveillance.api.form_fields` reads a form, and the view passes its fields to the model.
"""

from collections.abc import Callable
from typing import Any

from pydantic import ConfigDict

from vigil_contracts.alert import AlertSubmission, ClipSubmission, ImageSubmission

IMAGE = "JPEG or PNG, at most 2 MB and 4096 x 4096 pixels."
CLIP = "An MP4 with H.264 or H.265, at most 16 MB."
CAMERA = "Optional with a detector's token."


def form(file: str, description: str, *, is_required: bool) -> Callable[[dict[str, Any]], None]:
    """Return what turns a model's JSON schema into that of its form.

    A form has a file and no null, and the camera is that of the detector's token if it names none.
    """

    def as_form(schema: dict[str, Any]) -> None:
        for property_ in schema["properties"].values():
            _remove_null(property_)
        schema["properties"]["camera"]["description"] = CAMERA
        schema["properties"][file] = {"type": "string", "format": "binary", "description": description}
        schema["required"] = [name for name in schema["required"] if name != "camera"] + [file] * is_required

    return as_form


def _remove_null(property_: dict[str, Any]) -> None:
    kinds = [kind for kind in property_.pop("anyOf", []) if kind != {"type": "null"}]
    if kinds:
        (kind,) = kinds
        del property_["default"]
        property_ |= kind


class AlertFields(AlertSubmission):
    """An alert and its image."""

    model_config = ConfigDict(json_schema_extra=form("image", IMAGE, is_required=False))


class ImageFields(ImageSubmission):
    """A better image of an alert."""

    model_config = ConfigDict(json_schema_extra=form("image", IMAGE, is_required=True))


class ClipFields(ClipSubmission):
    """The clip of an alert."""

    model_config = ConfigDict(json_schema_extra=form("clip", CLIP, is_required=True))
