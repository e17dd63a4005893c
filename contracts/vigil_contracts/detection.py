"""What to look for in a camera's frames, as users set it."""

from fractions import Fraction as Ratio
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from vigil_contracts.aspect_ratio import AspectRatio, parse_aspect_ratio
from vigil_contracts.names import AlertType
from vigil_contracts.rules import Classes, Fraction, Polygon, Rule, Schedule, Zone, check_polygon
from vigil_contracts.stream_url import check_stream_path

Named = TypeVar("Named", Zone, Rule)

SEEN_BY_MODELS = frozenset(AlertType) - {
    AlertType.TAMPER,
    AlertType.CAMERA_OFFLINE,
    AlertType.INTRUSION,
    AlertType.LOITERING,
    AlertType.LINE_CROSSING,
}
"""Alert types that a class of a model can have; the others come from rules or from the stream itself."""

Prompts = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=100)], ...],
    Field(max_length=80, description="What an open-vocabulary model looks for, in words; empty: its own classes."),
]


class LabelMeaning(BaseModel):
    """What an object that a model calls by this label is to Vigil."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid", frozen=True)

    label: str = Field(min_length=1, max_length=100, description="One of the model's labels, or one of its prompts.")
    alert_type: AlertType = Field(description="The alert type of such objects.")

    @field_validator("alert_type")
    @classmethod
    def _can_be_seen(cls, alert_type: AlertType) -> AlertType:
        if alert_type not in SEEN_BY_MODELS:
            there = ", ".join(kind for kind in AlertType if kind in SEEN_BY_MODELS)
            raise ValueError(f"{alert_type} is nothing that a model sees; must be one of {there}")
        return alert_type


class DetectionModel(BaseModel):
    """One of the models that look at a camera's pictures."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid", frozen=True)

    model: str = Field(default="", max_length=500, description="Model to use; empty: the detector's own default.")
    alert_types: tuple[LabelMeaning, ...] = Field(
        default=(),
        max_length=100,
        description="Alert types of this model's labels, where they differ from the detector's own table.",
    )
    prompts: Prompts = ()
    classes: Classes = Field(
        default=(),
        description="Labels or alert types that this model is asked for, such as `fire`; empty: as for the camera.",
    )

    @field_validator("alert_types")
    @classmethod
    def _labels_differ(cls, meanings: tuple[LabelMeaning, ...]) -> tuple[LabelMeaning, ...]:
        labels = [one.label.lower() for one in meanings]
        if twice := sorted({label for label in labels if labels.count(label) > 1}):
            raise ValueError(f"each label has one alert type; twice there is {twice[0]!r}")
        return meanings


class Detection(BaseModel):
    """What to look for in a camera's pictures."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid", frozen=True)

    model: str = Field(default="", max_length=500, description="Model to use; empty: the detector's own default.")
    prompts: Prompts = ()
    models: tuple[DetectionModel, ...] = Field(
        default=(),
        max_length=4,
        description="Several models that look at the same pictures, instead of `model` and `prompts`.",
    )
    stream_path: str = Field(
        default="",
        max_length=500,
        description="Path of the camera's sub-stream to look at, such as `/Streaming/Channels/102`, on the same host "
        "and with the same credentials; clips are still cut from the main stream. Empty: the main stream.",
    )
    display_aspect_ratio: AspectRatio = Field(
        default="",
        description="Width to height of the frame as it is shown, such as `16:9`, for a camera whose pixels are not "
        "square and that does not declare their shape, or declares it wrong. Between 1:8 and 8:1. It applies to main "
        "stream, sub-stream and clips. Empty: as the stream declares.",
    )
    frames_per_second: float = Field(
        default=5.0, gt=0, le=30, description="How many frames are analysed in each second at most."
    )
    minimum_confidence: Fraction = Field(
        default=0.5, description="A detection below this (0.0 to 1.0) starts no alert."
    )
    classes: Classes = Field(
        default=(),
        description="Labels of the models to look for, such as `person`; empty: all that have an alert type.",
    )
    zones: tuple[Zone, ...] = Field(default=(), max_length=32, description="Parts of the picture, for rules.")
    rules: tuple[Rule, ...] = Field(
        default=(), max_length=32, description="What makes an alert; empty: every object of the classes."
    )
    schedule: Schedule | None = Field(default=None, description="When the rules are armed; none: always.")
    motion_masks: tuple[Polygon, ...] = Field(
        default=(), max_length=32, description="Where motion does not count: trees, flags, the clock in the picture."
    )
    tamper: bool = Field(
        default=True,
        description="Whether a camera that is covered, blinded, defocused or moved is an alert; false for one that "
        "turns by itself (PTZ).",
    )

    @property
    def chosen_models(self) -> tuple[DetectionModel, ...]:
        """All models that look, at least one."""
        return self.models or (DetectionModel(model=self.model, prompts=self.prompts),)

    @property
    def display_aspect(self) -> Ratio | None:
        """Width divided by height of the picture as it is shown; None: as the stream declares."""
        return parse_aspect_ratio(self.display_aspect_ratio)

    @field_validator("stream_path")
    @classmethod
    def _is_a_path(cls, path: str) -> str:
        check_stream_path(path)
        return path

    @field_validator("models")
    @classmethod
    def _models_differ(cls, models: tuple[DetectionModel, ...], info: ValidationInfo) -> tuple[DetectionModel, ...]:
        if models and (info.data.get("model") or info.data.get("prompts")):
            raise ValueError("takes the place of model and prompts; leave those two empty")
        names = [(one.model, one.prompts) for one in models]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"each must be another model; twice there is {twice[0]!r}")
        return models

    @field_validator("zones", "rules")
    @classmethod
    def _names_differ(cls, named: tuple[Named, ...]) -> tuple[Named, ...]:
        names = [one.name for one in named]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"each needs a name of its own; twice there is {twice[0]!r}")
        return named

    @field_validator("rules")
    @classmethod
    def _zones_exist(cls, rules: tuple[Rule, ...], info: ValidationInfo) -> tuple[Rule, ...]:
        known = [zone.name for zone in info.data.get("zones", ())]
        for rule in rules:
            zone = getattr(rule, "zone", None)
            if zone is not None and zone not in known:
                there = ", ".join(known) or "none"
                raise ValueError(
                    f"the zone {zone!r} of rule {rule.name!r} must be the name of one of zones ({there})"
                )
        return rules

    @field_validator("motion_masks")
    @classmethod
    def _enclose(cls, masks: tuple[Polygon, ...]) -> tuple[Polygon, ...]:
        for mask in masks:
            check_polygon(mask)
        return masks
