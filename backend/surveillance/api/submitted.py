"""Parse the form fields that detectors send."""

from typing import Any

from django.http import QueryDict

from surveillance.core.validation import InvalidInputError
from vigil_apps.web.json_input import TooDeepError, load_json


def submitted(data: QueryDict, *, file: str, token_camera: int | None) -> dict[str, Any]:
    """Return all fields except the file. If the body names no camera, a detector's token determines it.

    Raises InvalidInputError.
    """
    values: dict[str, Any] = {name: data[name] for name in data if name != file}
    if "box" in values:
        try:
            values["box"] = load_json(values["box"])
        except TooDeepError as error:
            raise InvalidInputError({"box": [str(error)]}) from None
        except ValueError:
            raise InvalidInputError({"box": ["must be JSON"]}) from None
    if token_camera is not None:
        values.setdefault("camera", token_camera)
    return values
