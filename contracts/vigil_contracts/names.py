"""The enumerations: alert types, phases, reasons. Their values are part of the wire format; never rename one."""

from enum import StrEnum

DEFAULT_MODEL = "yolov8n"
"""The default model, with COCO's 80 classes. The detectors' images contain it."""


class AlertType(StrEnum):
    """What an alert reports."""

    PERSON = "person"
    VEHICLE = "vehicle"
    INTRUSION = "intrusion"
    LOITERING = "loitering"
    LINE_CROSSING = "line_crossing"
    FIRE = "fire"
    SMOKE = "smoke"
    VIOLENCE = "violence"
    WEAPON = "weapon"
    ANIMAL = "animal"
    TAMPER = "tamper"
    CAMERA_OFFLINE = "camera_offline"
    OTHER = "other"


class CameraPhase(StrEnum):
    """A camera's state in one word: `status.phase` of the resource and `health.phase` of the API."""

    INACTIVE = "Inactive"
    ASLEEP = "Asleep"
    PENDING = "Pending"
    STARTING = "Starting"
    STREAMING = "Streaming"
    DEGRADED = "Degraded"
    FAILED = "Failed"


class ConditionStatus(StrEnum):
    """Whether a condition of a resource is met (API conventions of Kubernetes, "Typical status properties")."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class StreamTransport(StrEnum):
    """How RTP packets are sent (RFC 2326): within the RTSP connection, or as datagrams."""

    TCP = "tcp"
    UDP = "udp"


class DeletionPolicy(StrEnum):
    """What happens to a camera's row and alerts when its Camera resource is deleted."""

    RETAIN = "Retain"
    DELETE = "Delete"


class Reason(StrEnum):
    """Why a camera is in its phase: condition reasons (CamelCase by Kubernetes convention), metric label values."""

    INACTIVE = "Inactive"
    ASLEEP = "Asleep"
    STARTING = "Starting"
    STREAMING = "Streaming"
    STREAM_UNAUTHORIZED = "StreamUnauthorized"
    STREAM_NOT_FOUND = "StreamNotFound"
    STREAM_UNREACHABLE = "StreamUnreachable"
    STREAM_TIMEOUT = "StreamTimeout"
    STREAM_ENDED = "StreamEnded"
    STREAM_FROZEN = "StreamFrozen"
    STREAM_UNSUPPORTED = "StreamUnsupported"
    STREAM_FORBIDDEN = "StreamForbidden"
    EVENTS_UNAVAILABLE = "EventsUnavailable"
    RECORDING_UNAVAILABLE = "RecordingUnavailable"
    AUDIO_UNAVAILABLE = "AudioUnavailable"
    MODEL_INVALID = "ModelInvalid"
    MODEL_UNAVAILABLE = "ModelUnavailable"
    DEVICE_UNAVAILABLE = "DeviceUnavailable"
    BACKEND_UNREACHABLE = "BackendUnreachable"
    DETECTOR_NOT_REPORTING = "DetectorNotReporting"
    INVALID_SPEC = "InvalidSpec"
    INSUFFICIENT_GPU = "InsufficientGPU"
    INSUFFICIENT_RESOURCES = "InsufficientResources"
    DETECTOR_CLASS_NOT_FOUND = "DetectorClassNotFound"
    IMAGE_PULL_FAILED = "ImagePullFailed"
    DETECTOR_CRASHING = "DetectorCrashing"
    DETECTOR_REFUSED = "DetectorRefused"
    SYNCED = "Synced"
    SCHEDULED = "Scheduled"
    NOT_REGISTERED = "NotRegistered"


REASON_TEXTS: dict[Reason, str] = {
    Reason.INACTIVE: "The camera is inactive. Activate it to start detection.",
    Reason.ASLEEP: "The camera is asleep: its schedule is disarmed, so no detector runs and nothing is analysed.",
    Reason.STARTING: "The detector is starting.",
    Reason.STREAMING: "The camera is streaming.",
    Reason.STREAM_UNAUTHORIZED: "The camera rejects the user name or password. Enter the camera's credentials again.",
    Reason.STREAM_NOT_FOUND: "The camera responds but has no stream at this path. Check the path in the RTSP URL.",
    Reason.STREAM_UNREACHABLE: "The camera is unreachable. Check its power, network, host name and port.",
    Reason.STREAM_TIMEOUT: "The camera stopped sending video; reconnecting. Check its network and load.",
    Reason.STREAM_ENDED: "The camera ended the stream; reconnecting.",
    Reason.STREAM_FROZEN: "The image is frozen: the camera keeps sending the same frame. Restart the camera.",
    Reason.STREAM_UNSUPPORTED: "The stream cannot be decoded. Set the camera to H.264, H.265 or MJPEG.",
    Reason.STREAM_FORBIDDEN: "The stream's address is outside the allowed networks. An administrator can allow it.",
    Reason.EVENTS_UNAVAILABLE: "The camera's own events (ONVIF) cannot be received. Check its ONVIF port and user.",
    Reason.RECORDING_UNAVAILABLE: "The camera is analysed, but its video is not stored.",
    Reason.AUDIO_UNAVAILABLE: "The camera is analysed, but its video has no audio. Turn on audio in the camera, or do"
    " not record it.",
    Reason.MODEL_INVALID: "The detection model cannot be loaded. Check the model's path and SHA-256.",
    Reason.MODEL_UNAVAILABLE: "The inference server is unreachable; this camera is not being analysed. Check"
    " that the server is running.",
    Reason.DEVICE_UNAVAILABLE: "The configured device or decoder cannot be used; this camera is not being analysed.",
    Reason.BACKEND_UNREACHABLE: "The API is unreachable. Alerts are stored on the detector's disk until it responds.",
    Reason.DETECTOR_NOT_REPORTING: "No detector reports for this camera. Check that the pipeline is running.",
    Reason.INVALID_SPEC: "The camera's specification is invalid. The message names the field.",
    Reason.INSUFFICIENT_GPU: "No node has a free GPU of the type that the detector class requests.",
    Reason.INSUFFICIENT_RESOURCES: "No node has enough resources for the detector. The message names the resource.",
    Reason.DETECTOR_CLASS_NOT_FOUND: "The detector class does not exist. Create it or choose another one.",
    Reason.IMAGE_PULL_FAILED: "The detector image cannot be pulled. Check its name and the pull secret.",
    Reason.DETECTOR_CRASHING: "The detector keeps crashing. The message contains the end of its log.",
    Reason.DETECTOR_REFUSED: "The cluster refuses to create or change the detector. The message contains its answer.",
    Reason.SYNCED: "The Camera resource matches the API.",
    Reason.SCHEDULED: "The detector is scheduled on a node.",
    Reason.NOT_REGISTERED: "The camera is not registered in the API yet, so no detector can report for it.",
}
"""One sentence for each reason, the same in the dashboard, `kubectl` and logs."""


def is_whole_message(reason: Reason, text: str) -> bool:
    """Return whether `text` is complete, so that the reason's text must not be repeated before it.

    A detector's message begins with the reason's text, or describes the cause and remedy of a stream fault in whole
    sentences. A mere detail is a phrase, such as "401 from port 554".
    """
    if text.startswith(REASON_TEXTS[reason]):
        return True
    return reason.startswith("Stream") and text[:1].isupper() and text.endswith(".")
