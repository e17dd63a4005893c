"""The event stream for other systems: one CloudEvent (CloudEvents 1.0.2) for each change of an alert or a camera.

`docs/events.schema.json` is generated from these models by `make event-schema`.
"""

import json
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from vigil_contracts.bounds import MAX_COUNT
from vigil_contracts.names import AlertType, CameraPhase, Reason

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
"""Media type of an event in the structured content mode."""
SEQUENCE_DIGITS = 19
"""Width of `sequence`: the database's largest number, so that texts sort like numbers."""


class EventType(StrEnum):
    """What happened. The values are part of the API and never change."""

    ALERT_CREATED = "dev.vigil.alert.created"
    ALERT_ACKNOWLEDGED = "dev.vigil.alert.acknowledged"
    ALERT_REOPENED = "dev.vigil.alert.reopened"
    ALERT_RESOLVED = "dev.vigil.alert.resolved"
    ALERT_UNRESOLVED = "dev.vigil.alert.unresolved"
    ALERT_MARKED_FALSE_POSITIVE = "dev.vigil.alert.marked_false_positive"
    ALERT_UNMARKED_FALSE_POSITIVE = "dev.vigil.alert.unmarked_false_positive"
    CAMERA_OFFLINE = "dev.vigil.camera.offline"
    CAMERA_ONLINE = "dev.vigil.camera.online"
    CAMERA_DEACTIVATED = "dev.vigil.camera.deactivated"
    TEST = "dev.vigil.test"


Id = Annotated[int, Field(ge=1, le=MAX_COUNT)]
Short = Annotated[str, Field(max_length=64)]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class AlertData(_Data):
    """An alert in the state after the change."""

    id: Id
    event_id: Short = Field(description="The detector's id of the event, unique for each camera.")
    camera: Id
    camera_name: str = Field(max_length=100)
    site: Id | None
    alert_type: AlertType
    confidence: float = Field(ge=0, le=1)
    timestamp: AwareDatetime = Field(description="Time of the frame that shows it.")
    description: str = Field(max_length=500)
    label: Short = Field(description="The model's name of the object; empty if there is none.")
    zone: Short
    rule: Short
    acknowledged: bool
    resolved: bool
    is_false_positive: bool
    changed_by: str | None = Field(
        max_length=150, description="Name of the user who made this change; null for detectors and the server."
    )
    url: str | None = Field(
        max_length=1000, description="The alert's page; null if the server does not know its own address."
    )


class CameraData(_Data):
    """A camera whose stream stopped or continues."""

    camera: Id
    camera_name: str = Field(max_length=100)
    site: Id | None
    phase: CameraPhase
    reason: Reason | None = Field(description="Null if the camera has recovered by the time the outage is recorded.")
    message: str = Field(max_length=1000, description="The reason in a sentence, without credentials.")
    since: AwareDatetime = Field(description="When the outage began.")
    url: str | None = Field(max_length=1000, description="The camera's page, like an alert's.")


class SampleData(_Data):
    """A test that a user requested."""

    subscription: str = Field(max_length=100)


class CloudEvent(BaseModel):
    """One event. Every attempt and every receiver gets the same attributes and data."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="Event of Vigil")

    specversion: Literal["1.0"] = "1.0"
    id: str = Field(min_length=36, max_length=36, description="A UUID. Discard an event whose id is known already.")
    source: str = Field(
        min_length=1,
        max_length=400,
        description="URL of the camera in the API; only its path without VIGIL_PUBLIC_URL.",
    )
    type: EventType
    subject: str | None = Field(default=None, max_length=64, description="`alerts/` and the id, for an alert.")
    time: AwareDatetime = Field(description="When the server recorded the change.")
    datacontenttype: Literal["application/json"] = "application/json"
    partitionkey: str = Field(
        min_length=1, max_length=64, description="Id of the camera. Events of one key are sent in order."
    )
    sequence: str = Field(
        min_length=SEQUENCE_DIGITS,
        max_length=SEQUENCE_DIGITS,
        pattern="^[0-9]+$",
        description="Grows with each event of the server; compare it as text.",
    )
    data: AlertData | CameraData | SampleData

    def structured(self) -> bytes:
        """Return the event in the JSON format (CloudEvents JSON Event Format 1.0.2)."""
        return json.dumps(self.as_json(), ensure_ascii=False).encode()

    def as_json(self) -> dict[str, Any]:
        """Return the event for JSON. Absent attributes are left out (section 3.1.1); `data` keeps its nulls."""
        attributes = self.model_dump(mode="json", exclude={"data"}, exclude_none=True)
        return {**attributes, "data": self.data.model_dump(mode="json")}


def sequence_text(number: int) -> str:
    """Return the extension attribute `sequence`."""
    return f"{number:0{SEQUENCE_DIGITS}d}"


def sample_event(
    *, event_id: str, source: str, subscription_id: int, subscription_name: str, at: datetime
) -> CloudEvent:
    """Return the event of a test message. It belongs to no camera."""
    return CloudEvent(
        id=event_id,
        source=source,
        type=EventType.TEST,
        time=at,
        partitionkey=f"test-{subscription_id}",
        sequence=sequence_text(0),
        data=SampleData(subscription=subscription_name),
    )


def event_schema() -> dict[str, Any]:
    """Return the JSON Schema of all events."""
    schema = CloudEvent.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
