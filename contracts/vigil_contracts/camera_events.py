"""Events that cameras detect themselves and report by ONVIF, and where a camera's alerts come from."""

from enum import StrEnum

from vigil_contracts.names import AlertType


class DetectionSource(StrEnum):
    """What creates a camera's alerts."""

    MODEL = "model"
    """A detection model analyses its frames."""
    ONVIF = "onvif"
    """The camera's own events; no model runs."""
    BOTH = "both"


class CameraEventKind(StrEnum):
    """What a camera reports, in one vocabulary for the topics of all vendors."""

    MOTION = "motion"
    LINE_CROSSING = "line_crossing"
    INTRUSION = "intrusion"
    LOITERING = "loitering"
    PERSON = "person"
    VEHICLE = "vehicle"
    ANIMAL = "animal"
    TAMPER = "tamper"
    AUDIO = "audio"
    DIGITAL_INPUT = "digital_input"


ALERT_TYPE_OF_EVENT: dict[CameraEventKind, AlertType] = {
    CameraEventKind.MOTION: AlertType.OTHER,
    CameraEventKind.LINE_CROSSING: AlertType.LINE_CROSSING,
    CameraEventKind.INTRUSION: AlertType.INTRUSION,
    CameraEventKind.LOITERING: AlertType.LOITERING,
    CameraEventKind.PERSON: AlertType.PERSON,
    CameraEventKind.VEHICLE: AlertType.VEHICLE,
    CameraEventKind.ANIMAL: AlertType.ANIMAL,
    CameraEventKind.TAMPER: AlertType.TAMPER,
    CameraEventKind.AUDIO: AlertType.OTHER,
    CameraEventKind.DIGITAL_INPUT: AlertType.OTHER,
}
"""The alert's label is the kind, which distinguishes alerts of the type `other`."""
