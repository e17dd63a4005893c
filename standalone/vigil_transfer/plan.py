"""A converted configuration: the cameras to create or change, and what became of each key."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from vigil_contracts.detection import Detection
from vigil_contracts.recording import RecordingSettings
from vigil_contracts.rules import without_rule_types
from vigil_contracts.stream_url import InvalidStreamUrlError, secrets_of, validate_stream_url
from vigil_transfer.report import Ledger, Line, Path, Problem, dotted


@dataclass(frozen=True, slots=True)
class Plan:
    """`cameras`, `sites`: their fields, as `POST /api/configuration/` takes them; `problems`: empty if valid.

    `subscriptions`: their fields, with cameras and sites by name.
    """

    cameras: tuple[dict[str, Any], ...]
    lines: tuple[Line, ...] = ()
    problems: tuple[Problem, ...] = ()
    secrets: tuple[str, ...] = field(default=(), repr=False)
    sites: tuple[dict[str, Any], ...] = ()
    subscriptions: tuple[dict[str, Any], ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        found = {secret for camera in self.cameras for secret in secrets_of(camera["rtsp_url"])}
        object.__setattr__(self, "secrets", (*self.secrets, *sorted(found, key=len, reverse=True)))


def check_cameras(ledger: Ledger, cameras: Sequence[tuple[Path, dict[str, Any]]]) -> None:
    """Record the problems of cameras, each with the path of the key that it comes from."""
    seen: set[str] = set()
    for path, camera in cameras:
        if camera["name"] in seen:
            ledger.problem(path, "has the name of another camera; rename one of them")
        if not 1 <= len(camera["name"]) <= 100:
            ledger.problem(path, "must have a name of 1 to 100 characters")
        seen.add(camera["name"])
        try:
            validate_stream_url(camera["rtsp_url"])
        except InvalidStreamUrlError as error:
            ledger.problem(path, f"the stream URL {error}")
        for name, model in (("detection", Detection), ("recording", RecordingSettings)):
            for problem in _setting_problems(name, model, camera.get(name, {})):
                ledger.problem(path, problem)


def _setting_problems(name: str, model: type[BaseModel], settings: Any) -> list[str]:
    """Return what is wrong with settings of a camera, without their values."""
    try:
        model.model_validate(settings)
    except ValidationError as error:
        return [
            f"{name}.{dotted(without_rule_types(item['loc']))}: {item['msg'].removeprefix('Value error, ')}"
            for item in error.errors(include_input=False, include_url=False, include_context=False)
        ]
    return []
