"""Everything that a contract accepts can be stored, sent as strict JSON, and read again."""

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from vigil_contracts.alert import AlertSubmission, ClipSubmission
from vigil_contracts.bounds import is_plausible
from vigil_contracts.detection import Detection
from vigil_contracts.detector_tasks import DiscoveryResult, ProbeResult
from vigil_contracts.health import Heartbeat
from vigil_contracts.resources import ResourceStates

NOW = datetime(2026, 5, 17, 12, tzinfo=UTC).isoformat()
ZONE = {"name": "Yard", "points": [[0, 0], [1, 0], [1, 1]]}
RULE = {"type": "loitering", "name": "Stays", "zone": "Yard", "seconds": 5, "classes": ["person"]}
CONDITION = {"type": "Ready", "status": "True", "last_transition_time": NOW}
GOOD: list[tuple[type[BaseModel], dict[str, Any]]] = [
    (
        AlertSubmission,
        {
            "event_id": "event-0001",
            "camera": 1,
            "alert_type": "person",
            "confidence": 0.5,
            "timestamp": NOW,
            "zone_seconds": 3.5,
            "box": {"x_min": 0.1, "y_min": 0.1, "x_max": 0.2, "y_max": 0.2},
        },
    ),
    (ClipSubmission, {"event_id": "event-0001", "camera": 1, "started_at": NOW, "duration_seconds": 4}),
    (
        Heartbeat,
        {
            "phase": "Streaming",
            "reason": "Streaming",
            "stream": {"width": 64, "height": 48, "codec": "h264", "frames_per_second": 5, "last_frame_time": NOW},
            "spooled_alerts": 1,
            "revision": "1",
            "sent_at": NOW,
        },
    ),
    (Detection, {"classes": ["person"], "frames_per_second": 5, "zones": [ZONE], "rules": [RULE], "prompts": ["a"]}),
    (
        ResourceStates,
        {
            "source": "c/n",
            "gone": [1],
            "states": [{"camera": 1, "resource": "r", "phase": "Streaming", "conditions": [CONDITION]}],
        },
    ),
    (ProbeResult, {"answers": True, "reason": "Streaming", "width": 64, "frames_per_second": 5}),
    (DiscoveryResult, {"cameras": [{"address": "10.0.0.1", "services": ["http://10.0.0.1/"]}]}),
]
HOSTILE = st.one_of(
    st.floats(),
    st.integers(),
    st.sampled_from(["inf", "nan", "Infinity", "1e999", 10**30, -(10**400), "9" * 5000, "x" * 70_000, ["x"] * 5000]),
    st.datetimes(timezones=st.timezones()).map(datetime.isoformat),
    st.sampled_from(["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00", 1e300, -62135596800]),
    st.text(max_size=20),
    st.recursive(st.none() | st.booleans(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)),
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [*([path] if path else []), *(found for key, child in children for found in _places(child, (*path, key)))]


def _values(value: Any) -> list[Any]:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return [value, *(found for child in children for found in _values(child))]


@pytest.mark.parametrize(("model", "good"), GOOD, ids=lambda value: getattr(value, "__name__", ""))
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_accepted_values_round_trip(model: type[BaseModel], good: dict[str, Any], data: st.DataObject) -> None:
    assert model.model_validate(good)
    changed = json.loads(json.dumps(good))
    *parents, last = data.draw(st.sampled_from(_places(good)))
    parent = changed
    for key in parents:
        parent = parent[key]
    parent[last] = data.draw(HOSTILE)
    try:
        accepted = model.model_validate(changed)
    except ValidationError:
        return
    text = json.dumps(accepted.model_dump(mode="json"), allow_nan=False)
    assert len(text) < 60_000, "one field alone must not make an answer large"
    assert model.model_validate_json(text) == accepted
    for value in _values(accepted.model_dump()):
        assert not isinstance(value, float) or math.isfinite(value)
        assert not isinstance(value, int) or abs(value) < 2**63
        assert not isinstance(value, datetime) or is_plausible(value)
