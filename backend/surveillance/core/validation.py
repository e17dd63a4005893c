"""Validate input; every error names the field and the correct form."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from vigil_contracts.addresses import AddressPolicy
from vigil_contracts.rules import without_rule_types
from vigil_contracts.stream_url import MASK, InvalidStreamUrlError, mask_stream_url, validate_stream_url
from vigil_contracts.text import text_problem, text_problems

MAX_URL_LENGTH = 2000
_MASKED = re.compile(rf"://{re.escape(MASK)}@|[/=?]{re.escape(MASK)}(?=$|[_&;,/?])")
"""How `mask_stream_url` displays credentials."""
Errors = dict[str, list[str]]
Model = TypeVar("Model", bound=BaseModel)


class InvalidInputError(Exception):
    """`errors` maps fields (dotted if nested) to problems. It contains no input values."""

    def __init__(self, errors: Mapping[str, list[str]]) -> None:
        super().__init__("; ".join(f"{name}: {' '.join(texts)}" for name, texts in errors.items()))
        self.errors: Errors = dict(errors)


def parse(model: type[Model], values: object, *, prefix: str = "") -> Model:
    """Return `values` as `model`. Raises InvalidInputError; its fields start with `prefix`."""
    try:
        parsed = model.model_validate(values)
    except ValidationError as error:
        raise InvalidInputError(_field_errors(error, prefix)) from None
    if text_problem(values):  # names no field, but takes a fraction of the time
        problems = text_problems(values).items()
        raise InvalidInputError({_join(prefix, name) or "non_field_errors": [problem] for name, problem in problems})
    return parsed


HOST_FORBIDDEN = (
    "must not lead to this server itself, to link-local or cloud metadata addresses, nor out of VIGIL_CAMERA_NETWORKS"
)


def stream_url(sent: str, *, stored: str | None = None, policy: AddressPolicy | None = None) -> str:
    """Return the stream URL to store: `sent`, or `stored` if `sent` is the masked form of `stored`.

    Raises InvalidInputError. A mask with any other change is rejected: otherwise, editing a masked URL could send the
    credentials of one host to another. `policy`: the permitted addresses of cameras.
    """
    try:
        url = validate_stream_url(sent)
    except InvalidStreamUrlError as error:
        raise InvalidInputError({"rtsp_url": [str(error)]}) from None
    if len(url) > MAX_URL_LENGTH or text_problem(url):
        raise InvalidInputError({"rtsp_url": [f"must be at most {MAX_URL_LENGTH} characters of plain text"]})
    if stored is not None and url == mask_stream_url(stored):
        return stored
    if not (policy or AddressPolicy()).permits_host(urlsplit(url).hostname or ""):
        raise InvalidInputError({"rtsp_url": [HOST_FORBIDDEN]})
    if _MASKED.search(url):
        raise InvalidInputError(
            {"rtsp_url": [f"holds {MASK} in place of the credentials; enter the user and password again"]}
        )
    return url


def device_host(sent: str, *, policy: AddressPolicy) -> str:
    """Return the host name or IP address of a device. Raises InvalidInputError."""
    text = sent.strip()
    host = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        url = validate_stream_url(f"rtsp://[{host}]/" if ":" in host else f"rtsp://{host}/")
        is_host = (urlsplit(url).hostname or "") == host.lower()
    except (InvalidStreamUrlError, ValueError):
        is_host = False
    if not is_host:
        raise InvalidInputError(
            {"address": ["must be a host name or IP address, such as 192.168.1.20; the port has its own field"]}
        )
    if not policy.permits_host(host):
        raise InvalidInputError({"address": [HOST_FORBIDDEN]})
    return host


def _field_errors(error: ValidationError, prefix: str) -> Errors:
    errors: Errors = {}
    for item in error.errors(include_input=False, include_url=False, include_context=False):
        name = ".".join(str(part) for part in without_rule_types(item["loc"]))
        errors.setdefault(_join(prefix, name) or "non_field_errors", []).append(
            item["msg"].removeprefix("Value error, ")
        )
    return errors


def _join(prefix: str, name: str) -> str:
    return ".".join(part for part in (prefix, name) if part)


def as_json_object(value: Any, *, field: str) -> dict[str, Any]:
    """Return `value` if it is a JSON object. Raises InvalidInputError."""
    if not isinstance(value, dict):
        raise InvalidInputError({field: ["must be a JSON object"]})
    return value
