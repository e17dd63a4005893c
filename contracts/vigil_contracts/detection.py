"""The detection settings of a camera."""

from fractions import Fraction as Ratio
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from vigil_contracts.aspect_ratio import AspectRatio, parse_aspect_ratio
from vigil_contracts.camera_events import CameraEventKind, DetectionSource
from vigil_contracts.device import DEFAULT_ONVIF_PORT, Port
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
"""Alert types that a model's class can have; the others come from rules or from the stream itself."""

Prompts = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=100)], ...],
    Field(max_length=80, description="What an open-vocabulary model detects, in words; empty: its own classes."),
]


class LabelMeaning(BaseModel):
    """The alert type of objects with this label."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid", frozen=True)

    label: str = Field(min_length=1, max_length=100, description="One of the model's labels, or one of its prompts.")
    alert_type: AlertType = Field(description="The alert type of objects with this label.")

    @field_validator("alert_type")
    @classmethod
    def _can_be_seen(cls, alert_type: AlertType) -> AlertType:
        if alert_type not in SEEN_BY_MODELS:
            there = ", ".join(kind for kind in AlertType if kind in SEEN_BY_MODELS)
            raise ValueError(f"{alert_type} cannot be detected by a model; must be one of {there}")
        return alert_type


class DetectionModel(BaseModel):
    """One of several models that analyse a camera's frames."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid", frozen=True)

    model: str = Field(default="", max_length=500, description="Model to use; empty: the detector's default.")
    alert_types: tuple[LabelMeaning, ...] = Field(
        default=(),
        max_length=100,
        description="Alert types of this model's labels, where they differ from Vigil's table.",
    )
    prompts: Prompts = ()
    classes: Classes = Field(
        default=(),
        description="Labels or alert types that this model detects, such as `fire`; empty: those of the camera.",
    )

    @field_validator("alert_types")
    @classmethod
    def _labels_differ(cls, meanings: tuple[LabelMeaning, ...]) -> tuple[LabelMeaning, ...]:
        labels = [one.label.lower() for one in meanings]
        if twice := sorted({label for label in labels if labels.count(label) > 1}):
            raise ValueError(f"each label can have only one alert type; {twice[0]!r} is listed twice")
        return meanings


class Detection(BaseModel):
    """The detection settings of a camera."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid", frozen=True)

    model: str = Field(default="", max_length=500, description="Model to use; empty: the detector's default.")
    prompts: Prompts = ()
    models: tuple[DetectionModel, ...] = Field(
        default=(),
        max_length=4,
        description="Several models that analyse the same frames; replaces `model` and `prompts`.",
    )
    stream_path: str = Field(
        default="",
        max_length=500,
        description="Path of the camera's sub-stream to analyse, such as `/Streaming/Channels/102`, on the same host "
        "and with the same credentials; clips are still cut from the main stream. Empty: the main stream.",
    )
    display_aspect_ratio: AspectRatio = Field(
        default="",
        description="Width to height of the frame as it is shown, such as `16:9`, for a camera whose pixels are not "
        "square and that does not declare their shape, or declares it wrong. Between 1:8 and 8:1. It applies to main "
        "stream, sub-stream and clips. Empty: as the stream declares.",
    )
    frames_per_second: float = Field(
        default=5.0, gt=0, le=30, description="Maximum number of frames analysed per second."
    )
    minimum_confidence: Fraction = Field(
        default=0.5, description="Minimum confidence of a detection to create an alert (0.0 to 1.0)."
    )
    classes: Classes = Field(
        default=(),
        description="Labels of the models to detect, such as `person`; empty: all with an alert type.",
    )
    zones: tuple[Zone, ...] = Field(default=(), max_length=32, description="Named areas of the frame, for rules.")
    rules: tuple[Rule, ...] = Field(
        default=(), max_length=32, description="Conditions that create alerts; empty: every object does."
    )
    schedule: Schedule | None = Field(default=None, description="When rules are armed; null: always.")
    motion_masks: tuple[Polygon, ...] = Field(
        default=(), max_length=32, description="Areas in which motion is ignored: trees, flags, the on-screen clock."
    )
    privacy_masks: tuple[Polygon, ...] = Field(
        default=(),
        max_length=32,
        description="Areas that no viewer may see. They are black in all images and video that Vigil stores or "
        "shows, and nothing is detected in them. Recordings and clips of the camera are encoded again, which needs "
        "far more processor time; what was stored before stays as it is.",
    )
    record_audio: bool = Field(
        default=False,
        description="Whether clips and recordings have the camera's audio. While false the camera is not asked for "
        "audio at all. Recording speech is restricted or forbidden in many countries.",
    )
    tamper: bool = Field(
        default=True,
        description="Whether a camera that is covered, blinded, defocused or moved is an alert; false for one that "
        "turns by itself (PTZ).",
    )

    source: DetectionSource = Field(
        default=DetectionSource.MODEL,
        description="What creates alerts: `model`, `onvif` (the camera's own events; no model runs, which needs far "
        "less processor time), or `both`. The camera's ONVIF user and password are those of its stream.",
    )
    onvif_port: Port = Field(
        default=DEFAULT_ONVIF_PORT,
        description="Port of the camera's ONVIF services; 443 and 8443 use HTTPS, all others HTTP.",
    )
    camera_events: tuple[CameraEventKind, ...] = Field(
        default=(),
        max_length=len(CameraEventKind),
        description="Kinds of the camera's own events that create alerts; empty: all.",
    )

    @property
    def uses_models(self) -> bool:
        """Return whether models analyse the frames."""
        return self.source is not DetectionSource.ONVIF

    @property
    def uses_camera_events(self) -> bool:
        """Return whether the camera's own events create alerts."""
        return self.source is not DetectionSource.MODEL

    @property
    def chosen_models(self) -> tuple[DetectionModel, ...]:
        """Return all models to use, at least one."""
        return self.models or (DetectionModel(model=self.model, prompts=self.prompts),)

    @property
    def display_aspect(self) -> Ratio | None:
        """Width divided by height of the image as it is shown; None: as the stream declares."""
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
            raise ValueError("replaces model and prompts; leave both empty")
        names = [(one.model, one.prompts) for one in models]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"each model can be listed only once; {twice[0]!r} is listed twice")
        return models

    @field_validator("zones", "rules")
    @classmethod
    def _names_differ(cls, named: tuple[Named, ...]) -> tuple[Named, ...]:
        names = [one.name for one in named]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"each needs a unique name; {twice[0]!r} is used twice")
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

    @field_validator("motion_masks", "privacy_masks")
    @classmethod
    def _enclose(cls, masks: tuple[Polygon, ...]) -> tuple[Polygon, ...]:
        for mask in masks:
            check_polygon(mask)
        return masks
