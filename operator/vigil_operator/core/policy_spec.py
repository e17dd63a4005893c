"""Parse and validate the `spec` of CameraPolicy."""

import re
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from vigil_contracts.recording import RecordedStream, RecordingMode
from vigil_contracts.rules import Classes, Fraction, Rule, Schedule
from vigil_operator.core.keys import snake_case_keys
from vigil_operator.core.specs import Spec, parse_spec

MAX_PRIORITY = 1_000_000

_LABEL_NAME = re.compile(
    r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", re.ASCII
)
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?", re.ASCII)


def _check_key(key: str) -> str:
    if not _LABEL_NAME.fullmatch(key):
        raise ValueError(f"{key[:63]!r} must be the name of a label, such as area or example.com/area")
    return key


def _check_value(value: str) -> str:
    if not _LABEL_VALUE.fullmatch(value):
        raise ValueError(
            "a label's value must have up to 63 letters, digits, -, _ or ., and begin and end with a letter or digit"
        )
    return value


class LabelRequirement(Spec):
    """One of `selector.matchExpressions`."""

    key: str = Field(min_length=1, max_length=317)
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: tuple[Annotated[str, Field(max_length=63)], ...] = Field(default=(), max_length=64)

    @field_validator("key")
    @classmethod
    def _is_label(cls, key: str) -> str:
        return _check_key(key)

    @model_validator(mode="after")
    def _has_values(self) -> Self:
        needs_values = self.operator in {"In", "NotIn"}
        if needs_values != bool(self.values):
            raise ValueError("values must be given for In and NotIn, and be omitted for Exists and DoesNotExist")
        for value in self.values:
            _check_value(value)
        return self


class LabelSelector(Spec):
    """`CameraPolicy.spec.selector`: as in Kubernetes; all requirements must hold, and none selects every camera."""

    match_labels: dict[str, str] = Field(default={}, max_length=32)
    match_expressions: tuple[LabelRequirement, ...] = Field(default=(), max_length=32)

    @field_validator("match_labels")
    @classmethod
    def _are_labels(cls, labels: dict[str, str]) -> dict[str, str]:
        for key, value in labels.items():
            _check_key(key)
            _check_value(value)
        return labels


class PolicyDetection(BaseModel):
    """`CameraPolicy.spec.defaults.detection`: fields of `Camera.spec.detection`; none has a default of its own."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    frames_per_second: float | None = Field(default=None, gt=0, le=30)
    minimum_confidence: Fraction | None = None
    classes: Classes | None = None
    rules: tuple[Rule, ...] | None = Field(default=None, max_length=32)
    schedule: Schedule | None = None

    @field_validator("rules")
    @classmethod
    def _names_differ(cls, rules: tuple[Rule, ...] | None) -> tuple[Rule, ...] | None:
        names = [rule.name for rule in rules or ()]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"each needs a unique name; {twice[0]!r} is used twice")
        return rules


class PolicyRecording(BaseModel):
    """`CameraPolicy.spec.defaults.recording`: fields of `Camera.spec.recording`."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    mode: RecordingMode | None = None
    stream: RecordedStream | None = None
    seconds_before: float | None = Field(default=None, ge=0, le=60)
    seconds_after: float | None = Field(default=None, ge=0, le=600)
    days: int | None = Field(default=None, ge=1, le=3650)
    gigabytes: int | None = Field(default=None, ge=1, le=1_000_000)


class PolicyRetention(BaseModel):
    """`CameraPolicy.spec.defaults.retention`: fields of `Camera.spec.retention`."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    days: int | None = Field(default=None, ge=1, le=3650)
    megabytes: int | None = Field(default=None, ge=1, le=100_000_000)


class PolicyDefaults(Spec):
    """`CameraPolicy.spec.defaults`."""

    detector_class_name: str | None = Field(default=None, min_length=1, max_length=253)
    detection: Annotated[PolicyDetection, BeforeValidator(snake_case_keys)] = PolicyDetection()
    recording: Annotated[PolicyRecording, BeforeValidator(snake_case_keys)] = PolicyRecording()
    retention: Annotated[PolicyRetention, BeforeValidator(snake_case_keys)] = PolicyRetention()


class PolicyRollout(Spec):
    """`CameraPolicy.spec.rollout`."""

    step_percent: int = Field(default=10, ge=1, le=100)
    min_ready_seconds: int = Field(default=30, ge=0, le=86400)
    progress_deadline_seconds: int = Field(default=600, ge=10, le=86400)


class CameraPolicySpec(Spec):
    """`CameraPolicy.spec`."""

    selector: LabelSelector
    priority: int = Field(default=0, ge=0, le=MAX_PRIORITY)
    defaults: PolicyDefaults = PolicyDefaults()
    rollout: PolicyRollout = PolicyRollout()


def parse_policy_spec(spec: object) -> CameraPolicySpec:
    """Parse a policy's spec. Raises `InvalidSpecError`."""
    return parse_spec(CameraPolicySpec, spec)
