"""Translate vendors' topics and values into Vigil's kinds of camera events. No input or output.

Sources: ONVIF Analytics Service Specification (annex A), ONVIF Imaging and Device IO topics, and the vendors' event
documentation. Unknown topics (temperature, recording jobs, processor load) are ignored.
"""

from dataclasses import dataclass

from cctv.onvif.notifications import Items, Notification
from vigil_contracts.camera_events import CameraEventKind as Kind

_TOPICS: tuple[tuple[str, Kind], ...] = (
    # ONVIF's own topics, used by Hikvision, Dahua, Uniview, Hanwha, Bosch, …
    ("RuleEngine/CellMotionDetector/Motion", Kind.MOTION),
    ("RuleEngine/MotionRegionDetector/Motion", Kind.MOTION),
    ("VideoSource/MotionAlarm", Kind.MOTION),
    ("VideoAnalytics/Motion", Kind.MOTION),
    ("RuleEngine/LineDetector/Crossed", Kind.LINE_CROSSING),
    ("RuleEngine/LineCounter", Kind.LINE_CROSSING),
    ("RuleEngine/FieldDetector/ObjectsInside", Kind.INTRUSION),
    ("RuleEngine/LoiteringDetector", Kind.LOITERING),
    ("RuleEngine/TamperDetector", Kind.TAMPER),
    ("VideoSource/GlobalSceneChange", Kind.TAMPER),
    ("VideoSource/ImageTooBlurry", Kind.TAMPER),
    ("VideoSource/ImageTooDark", Kind.TAMPER),
    ("VideoSource/ImageTooBright", Kind.TAMPER),
    ("VideoSource/SignalLoss", Kind.TAMPER),
    ("AudioAnalytics/Audio/DetectedSound", Kind.AUDIO),
    ("Device/Trigger/DigitalInput", Kind.DIGITAL_INPUT),
    # Axis
    ("RuleEngine/VMD", Kind.MOTION),
    ("CameraApplicationPlatform/VMD", Kind.MOTION),
    ("VideoSource/MotionDetection", Kind.MOTION),
    ("CameraApplicationPlatform/ObjectAnalytics", Kind.INTRUSION),
    ("CameraApplicationPlatform/FenceGuard", Kind.LINE_CROSSING),
    ("CameraApplicationPlatform/LoiteringGuard", Kind.LOITERING),
    ("CameraApplicationPlatform/MotionGuard", Kind.MOTION),
    ("VideoSource/Tampering", Kind.TAMPER),
    ("AudioSource/TriggerLevel", Kind.AUDIO),
    ("Device/IO/Port", Kind.DIGITAL_INPUT),
    ("Device/IO/VirtualInput", Kind.DIGITAL_INPUT),
    # Dahua and its relatives
    ("UserAlarm/IVA/HumanShapeDetect", Kind.PERSON),
    ("RuleEngine/CrossLineDetector", Kind.LINE_CROSSING),
    ("RuleEngine/CrossRegionDetector", Kind.INTRUSION),
    # Reolink
    ("RuleEngine/MyRuleDetector/PeopleDetect", Kind.PERSON),
    ("RuleEngine/MyRuleDetector/FaceDetect", Kind.PERSON),
    ("RuleEngine/MyRuleDetector/VehicleDetect", Kind.VEHICLE),
    ("RuleEngine/MyRuleDetector/DogCatDetect", Kind.ANIMAL),
    # TP-Link
    ("RuleEngine/PeopleDetector", Kind.PERSON),
    ("RuleEngine/CellMotionDetector/People", Kind.PERSON),
    ("RuleEngine/CellMotionDetector/Intrusion", Kind.INTRUSION),
    ("RuleEngine/CellMotionDetector/LineCross", Kind.LINE_CROSSING),
    ("RuleEngine/CellMotionDetector/Tamper", Kind.TAMPER),
)
_OBJECT_TOPICS = ("RuleEngine/ObjectDetection", "RuleEngine/TPSmartEventDetector")
"""Topics whose data names what was detected."""
_KIND_OF_CLASS = {
    "human": Kind.PERSON,
    "person": Kind.PERSON,
    "people": Kind.PERSON,
    "face": Kind.PERSON,
    "vehicle": Kind.VEHICLE,
    "car": Kind.VEHICLE,
    "bike": Kind.VEHICLE,
    "animal": Kind.ANIMAL,
    "pet": Kind.ANIMAL,
    "linecross": Kind.LINE_CROSSING,
    "intrusion": Kind.INTRUSION,
    "tamper": Kind.TAMPER,
}
_CLASS_ITEMS = frozenset({"classtypes", "classtype", "objecttypes", "objecttype"})
_STATE_ITEMS = frozenset(
    {
        *("state", "logicalstate", "active", "value", "triggered", "tampering", "motion", "alarm"),
        *("ismotion", "istamper", "isinside", "issounddetected", "issounddetection", "isloitering", "iscrossed"),
        *("ispeople", "isperson", "isvehicle", "iscar", "ispet", "islinecross", "isintrusion"),
    }
)
_TRUE, _FALSE = frozenset({"true", "1", "on", "active", "yes"}), frozenset({"false", "0", "off", "inactive", "no"})


@dataclass(frozen=True, slots=True)
class Signal:
    """A notification in Vigil's words."""

    kind: Kind
    is_active: bool | None
    """Whether the condition holds now; None for an event without a state, such as a line that was crossed."""


def translate(notification: Notification) -> Signal | None:
    """Return what the notification means; None if Vigil has no kind for it."""
    if any(_begins(notification.topic, one) for one in _OBJECT_TOPICS):
        return _object_signal(notification.data)
    kind = next((kind for start, kind in _TOPICS if _begins(notification.topic, start)), None)
    if kind is None:
        return None
    is_active = _state(notification.data)
    if is_active is None and any(name.lower() in _STATE_ITEMS for name, _ in notification.data):
        return None  # a state whose value cannot be read is no event
    named = _kind_by_class(notification.data)
    return Signal(named or kind, is_active)


def _begins(topic: str, start: str) -> bool:
    """Return whether `topic` is below `start`; the last part may continue, as in `VMD3` or `VMD4`."""
    rest = topic[len(start) :] if topic.startswith(start) else None
    return rest is not None and (not rest or rest[0] == "/" or rest[0].isdigit())


def _object_signal(data: Items) -> Signal | None:
    kind, state = _kind_by_class(data), _state(data)
    if kind is not None:
        return Signal(kind, True if state is None else state)
    flags = [(_KIND_OF_CLASS.get(name.lower().removeprefix("is")), as_boolean(value)) for name, value in data]
    named = [(kind, value) for kind, value in flags if kind is not None and value is not None]
    if not named:
        return None
    kind, value = next((one for one in named if one[1]), named[0])
    return Signal(kind, value)


def _kind_by_class(data: Items) -> Kind | None:
    words = [word for name, value in data if name.lower() in _CLASS_ITEMS for word in value.lower().split()]
    return next((_KIND_OF_CLASS[word] for word in words if word in _KIND_OF_CLASS), None)


def _state(data: Items) -> bool | None:
    values = (as_boolean(value) for name, value in data if name.lower() in _STATE_ITEMS)
    return next((value for value in values if value is not None), None)


def as_boolean(value: str) -> bool | None:
    """Return the truth value of any of the forms that devices write (`true`, `1`, `active`, …)."""
    word = value.strip().lower()
    return True if word in _TRUE else False if word in _FALSE else None
