"""The camera form: text input, values for the services, errors at their fields."""

from surveillance.models import Camera
from vigil_apps.dashboard.forms import CAMERA_EVENTS, CameraForm, initial_of
from vigil_contracts.camera_events import CameraEventKind

SENT = {
    "name": "Gate",
    "rtsp_url": "rtsp://host/stream",
    "group": "",
    "transport": "tcp",
    "classes": " person, ,car ",
    "minimum_confidence": "0.6",
    "frames_per_second": "4",
    "display_aspect_ratio": "16:9",
}


def test_new_camera_is_inactive_by_default() -> None:
    form = CameraForm(SENT)
    assert form.is_valid(), form.errors
    values = form.values()
    assert values["is_active"] is False
    assert values["detection"]["classes"] == ["person", "car"]
    assert values["detection"]["display_aspect_ratio"] == "16:9"
    assert values["detection"]["record_audio"] is False, "audio is recorded only where it was asked for"
    form = CameraForm(SENT | {"record_audio": "on"})
    assert form.is_valid(), form.errors
    assert form.values()["detection"]["record_audio"] is True


def test_recording_settings_are_those_of_the_form_and_empty_seconds_stay() -> None:
    form = CameraForm(SENT)
    assert form.is_valid(), form.errors
    assert "mode" not in form.values()["recording"], "the site or the server decides on a new camera"
    camera = Camera(name="Gate", recording={"mode": "motion", "seconds_after": 30, "days": 9})
    shown = initial_of(camera)
    assert (shown["recording_mode"], shown["recording_seconds_after"], shown["recording_days"]) == ("motion", 30, 9)
    form = CameraForm(SENT | {"recording_mode": "continuous", "recording_seconds_before": "0"})
    assert form.is_valid(), form.errors
    assert form.values(camera=camera)["recording"] == {
        "mode": "continuous",
        "stream": "main",
        "seconds_before": 0,
        "seconds_after": 30.0,
        "days": None,
        "gigabytes": None,
    }
    form.add_errors({"recording.days": ["too many"]})
    assert form.errors["recording_days"] == ["too many"]
    assert form.has_recording_errors


def test_settings_outside_the_form_are_kept() -> None:
    camera = Camera(name="Gate", detection={"model": "yard.onnx", "classes": ["car"]}, is_active=True)
    form = CameraForm(SENT)
    assert form.is_valid(), form.errors
    values = form.values(camera=camera)
    assert values["detection"]["model"] == "yard.onnx"
    assert "is_active" not in values


def test_the_form_shows_the_settings_that_it_changes() -> None:
    camera = Camera(name="Gate", detection={"display_aspect_ratio": "4:3", "minimum_confidence": 0.7})
    shown = initial_of(camera)
    assert (shown["display_aspect_ratio"], shown["minimum_confidence"]) == ("4:3", 0.7)


def test_service_errors_are_shown_at_their_fields() -> None:
    form = CameraForm(SENT)
    assert form.is_valid()
    form.add_errors(
        {"detection.minimum_confidence": ["too much"], "rtsp_url": ["must begin with rtsp://"], "unknown": ["odd"]}
    )
    assert form.errors["minimum_confidence"] == ["too much"]
    assert form.errors["rtsp_url"] == ["must begin with rtsp://"]
    assert form.non_field_errors() == ["odd"]
    assert form.has_detection_errors


def test_credentials_never_enter_the_form() -> None:
    camera = Camera(name="Gate", rtsp_url="rtsp://anna:hunter2@host/stream")
    initial = initial_of(camera)
    assert initial["rtsp_url"] == "rtsp://***@host/stream"
    assert "hunter2" not in str(CameraForm(initial=initial))


def test_passwords_in_the_path_never_enter_the_form() -> None:
    initial = initial_of(Camera(name="Gate", rtsp_url="rtsp://host/live;pwd=hunter2"))
    assert initial["rtsp_url"] == "rtsp://host/live;pwd=***"
    assert "hunter2" not in str(CameraForm(initial=initial))


def test_retention_period_round_trips_and_empty_means_none() -> None:
    form = CameraForm({**SENT, "retention_days": "14", "retention_megabytes": ""})
    assert form.is_valid(), form.errors
    values = form.values()
    assert (values["retention_days"], values["retention_megabytes"]) == (14, None)
    initial = initial_of(Camera(name="Gate", rtsp_url="rtsp://host/1", retention_days=14))
    assert (initial["retention_days"], initial["retention_megabytes"]) == (14, None)
    refused = CameraForm({**SENT, "retention_days": "0"})
    assert not refused.is_valid()
    assert refused.has_retention_errors


def test_source_of_alerts_and_sub_stream_are_kept_unless_sent() -> None:
    form = CameraForm(SENT)
    assert form.is_valid(), form.errors
    assert {name: form.values()["detection"][name] for name in ("source", "onvif_port", "stream_path")} == {
        "source": "model",
        "onvif_port": 80,
        "stream_path": "",
    }
    stored = Camera(detection={"source": "both", "onvif_port": 8000, "stream_path": "/sub"})
    assert form.values(camera=stored)["detection"]["stream_path"] == "/sub"
    assert form.values(camera=stored)["detection"]["source"] == "both"
    form = CameraForm(SENT | {"source": "onvif", "onvif_port": "2020", "stream_path": ""})
    assert form.is_valid(), form.errors
    changed = form.values(camera=stored)["detection"]
    assert (changed["source"], changed["onvif_port"], changed["stream_path"]) == ("onvif", 2020, "")


def test_events_of_the_camera_are_selected_and_kept() -> None:
    stored = Camera(name="Gate", rtsp_url="rtsp://host/1", detection={"source": "onvif", "camera_events": ["motion"]})
    assert initial_of(stored)["camera_events"] == ["motion"]
    for changes, kept in (
        ({}, ["motion"]),
        ({"source": "onvif"}, []),
        ({"source": "onvif", "camera_events": ["person", "audio"]}, ["person", "audio"]),
    ):
        form = CameraForm(SENT | changes)
        assert form.is_valid(), form.errors
        assert form.values(camera=stored)["detection"]["camera_events"] == kept
    refused = CameraForm(SENT | {"source": "onvif", "camera_events": ["earthquake"]})
    assert not refused.is_valid()
    assert refused.has_detection_errors
    assert {value for value, _ in CAMERA_EVENTS} == set(CameraEventKind)
