"""Forms. The services validate cameras; a form only passes values to them and shows their errors."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.utils.translation import gettext_lazy as _

from surveillance.choices import TRANSPORTS
from surveillance.core.camera_fields import RETENTION_FIELDS
from surveillance.core.stored_detection import readable_detection
from surveillance.core.validation import Errors
from surveillance.models import Camera
from surveillance.selectors.cameras import recording_of
from vigil_apps.dashboard.vocabulary import RECORDING_MODE_TEXTS
from vigil_contracts.camera_events import CameraEventKind, DetectionSource
from vigil_contracts.detection import Detection
from vigil_contracts.device import DEFAULT_ONVIF_PORT
from vigil_contracts.recording import RecordedStream, RecordingSettings

REQUIRED = {"required": _("is required.")}
DETECTION_FIELDS = (
    *("source", "camera_events", "classes", "minimum_confidence", "frames_per_second", "stream_path", "onvif_port"),
    *("display_aspect_ratio", "record_audio"),
)
SOURCES = (
    (DetectionSource.MODEL.value, _("Detection model")),
    (DetectionSource.ONVIF.value, _("The camera's own events (ONVIF)")),
    (DetectionSource.BOTH.value, _("Both")),
)
CAMERA_EVENTS = (
    (CameraEventKind.MOTION.value, _("Motion")),
    (CameraEventKind.LINE_CROSSING.value, _("Line crossing")),
    (CameraEventKind.INTRUSION.value, _("Intrusion")),
    (CameraEventKind.LOITERING.value, _("Loitering")),
    (CameraEventKind.PERSON.value, _("Person")),
    (CameraEventKind.VEHICLE.value, _("Vehicle")),
    (CameraEventKind.ANIMAL.value, _("Animal")),
    (CameraEventKind.TAMPER.value, _("Tampering")),
    (CameraEventKind.AUDIO.value, _("Sound")),
    (CameraEventKind.DIGITAL_INPUT.value, _("Digital input")),
)

RECORDING_FIELDS = tuple(f"recording_{name}" for name in RecordingSettings.model_fields)
RECORDING_MODES = tuple((mode.value, text) for mode, text in RECORDING_MODE_TEXTS.items())
RECORDED_STREAMS = ((RecordedStream.MAIN.value, _("Main stream")), (RecordedStream.SUB.value, _("Sub-stream")))


class SignInForm(AuthenticationForm):
    """User name and password; the error does not reveal which of them is wrong."""

    error_messages = {  # noqa: RUF012 as Django declares it
        "invalid_login": _("Incorrect user name or password. Both are case-sensitive."),
        "inactive": _("This account is not active."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("username", "password"):
            self.fields[name].error_messages.update({key: str(text) for key, text in REQUIRED.items()})


class CameraForm(forms.Form):
    """A camera's settings."""

    name = forms.CharField(
        label=_("Name"),
        max_length=100,
        error_messages=REQUIRED,
        widget=forms.TextInput(attrs={"placeholder": _("Front gate"), "autofocus": True}),
    )
    rtsp_url = forms.CharField(
        label=_("RTSP URL"),
        error_messages=REQUIRED,
        help_text=_("Include the user name and password. They are stored encrypted and never shown again."),
        widget=forms.TextInput(
            attrs={
                "placeholder": "rtsp://user:password@192.168.1.20:554/stream1",
                "spellcheck": "false",
                "autocapitalize": "none",
                "inputmode": "url",
            }
        ),
    )
    site = forms.TypedChoiceField(
        label=_("Site"),
        required=False,
        coerce=int,
        empty_value=None,
        help_text=_("The members of the site can access the camera."),
    )
    group = forms.CharField(
        label=_("Group"),
        required=False,
        max_length=64,
        help_text=_("Used to filter cameras and to assign them to detectors, for example: yard"),
    )
    cluster = forms.ChoiceField(
        label=_("Cluster"),
        required=False,
        help_text=_("The Kubernetes cluster that runs the detector. Changing it moves the camera."),
    )
    transport = forms.ChoiceField(
        label=_("Transport"), choices=TRANSPORTS, help_text=_("TCP works with almost every camera.")
    )
    source = forms.ChoiceField(
        label=_("Alerts from"),
        choices=SOURCES,
        required=False,
        initial=DetectionSource.MODEL.value,
        help_text=_("With the camera's own events alone, no model runs. This needs far less processor time."),
    )
    camera_events = forms.MultipleChoiceField(
        label=_("Events of the camera"),
        choices=CAMERA_EVENTS,
        required=False,
        help_text=_("Which of the camera's own events create alerts. If you select none, all do."),
        widget=forms.SelectMultiple(attrs={"size": "5"}),
    )
    onvif_port = forms.IntegerField(
        label=_("ONVIF port"),
        required=False,
        min_value=1,
        max_value=65535,
        initial=DEFAULT_ONVIF_PORT,
        help_text=_(
            "Often 80; with some vendors 8000, 8080 or 2020. User name and password are those of the stream."
        ),
    )
    stream_path = forms.CharField(
        label=_("Path of the sub-stream"),
        required=False,
        max_length=500,
        help_text=_("A smaller stream of the same camera to analyse. Leave empty to analyse the main stream."),
        widget=forms.TextInput(attrs={"placeholder": "/Streaming/Channels/102", "spellcheck": "false"}),
    )
    classes = forms.CharField(
        label=_("Classes"),
        required=False,
        help_text=_(
            "Class names of the model, separated by commas: person, car. "
            "Leave empty to detect every class with an alert type."
        ),
    )
    minimum_confidence = forms.FloatField(
        label=_("Minimum confidence"),
        initial=0.5,
        error_messages={**REQUIRED, "invalid": _("must be a number between 0 and 1.")},
        help_text=_("Between 0 and 1. Higher values give fewer false alarms."),
        widget=forms.NumberInput(attrs={"step": "0.05", "min": "0", "max": "1"}),
    )
    frames_per_second = forms.FloatField(
        label=_("Frames per second"),
        initial=5.0,
        error_messages={**REQUIRED, "invalid": _("must be a number greater than 0 and at most 30.")},
        help_text=_("Analysed frames per second, at most 30."),
        widget=forms.NumberInput(attrs={"step": "0.5", "min": "0.5", "max": "30"}),
    )
    display_aspect_ratio = forms.CharField(
        label=_("Aspect ratio"),
        required=False,
        max_length=9,
        help_text=_(
            "Width to height of the image, for example 16:9. Only if the image looks stretched or squeezed: "
            "leave empty to use what the camera declares."
        ),
        widget=forms.TextInput(attrs={"placeholder": "16:9", "spellcheck": "false"}),
    )
    record_audio = forms.BooleanField(
        label=_("Record audio"),
        required=False,
        help_text=_(
            "Clips and recordings then have the camera's audio. "
            "Recording speech is restricted or forbidden in many countries. Check your local law and inform the "
            "people concerned. Without this setting, Vigil does not request audio from the camera."
        ),
    )
    recording_mode = forms.ChoiceField(
        label=_("Record"),
        choices=RECORDING_MODES,
        required=False,
        help_text=_("Motion and alerts: only the time around them."),
    )
    recording_stream = forms.ChoiceField(
        label=_("Stream to record"), choices=RECORDED_STREAMS, required=False, initial=RecordedStream.MAIN.value
    )
    recording_seconds_before = forms.FloatField(
        label=_("Seconds before"),
        required=False,
        min_value=0,
        max_value=60,
        help_text=_("Kept before motion or an alert."),
        widget=forms.NumberInput(attrs={"step": "1"}),
    )
    recording_seconds_after = forms.FloatField(
        label=_("Seconds after"),
        required=False,
        min_value=0,
        max_value=600,
        help_text=_("Kept after motion or an alert."),
        widget=forms.NumberInput(attrs={"step": "1"}),
    )
    recording_days = forms.IntegerField(
        label=_("Keep recordings for (days)"),
        required=False,
        min_value=1,
        max_value=3650,
        help_text=_("Leave empty to use the default of the site or server."),
    )
    recording_gigabytes = forms.IntegerField(
        label=_("Storage limit for recordings (GB)"),
        required=False,
        min_value=1,
        max_value=1_000_000,
        help_text=_(
            "When the limit is reached, the oldest recordings are deleted. Leave empty to use the default of the "
            "site or server."
        ),
    )
    retention_days = forms.IntegerField(
        label=_("Keep alerts for (days)"),
        required=False,
        min_value=1,
        max_value=3650,
        help_text=_("Leave empty to use the server's default."),
    )
    retention_megabytes = forms.IntegerField(
        label=_("Storage limit (MB)"),
        required=False,
        min_value=1,
        max_value=100_000_000,
        help_text=_(
            "For images and clips. When the limit is reached, the oldest alerts are deleted first. "
            "Leave empty for no limit."
        ),
    )
    activate = forms.BooleanField(
        label=_("Start detection now"),
        required=False,
        initial=True,
        help_text=_("Otherwise the camera stays inactive until you activate it."),
    )

    def __init__(
        self,
        *args: Any,
        sites: Sequence[tuple[int, str]] = (),
        clusters: Sequence[str] = (),
        is_new: bool = False,
        **kwargs: Any,
    ) -> None:
        """`sites` and `clusters` are the choices; without any, the field is omitted and the camera's stays."""
        super().__init__(*args, **kwargs)
        if is_new:
            mode = self.fields["recording_mode"]
            assert isinstance(mode, forms.ChoiceField)
            mode.choices = [("", _("Default of the site or server")), *RECORDING_MODES]
        if clusters:
            choice = self.fields["cluster"]
            assert isinstance(choice, forms.ChoiceField)
            choice.choices = [("", _("Default cluster")), *((name, name) for name in clusters)]
        else:
            del self.fields["cluster"]
        if sites:
            field = self.fields["site"]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [("", _("No site: only the owner has access")), *sites]
        else:
            del self.fields["site"]

    def values(self, *, camera: Camera | None = None) -> dict[str, Any]:
        """Return the values for the services. Detection settings without a field in this form stay unchanged."""
        sent = self.cleaned_data
        detection = readable_detection(camera.detection) if camera is not None else Detection()
        values: dict[str, Any] = {name: sent[name] for name in ("name", "rtsp_url", "group", "transport")}
        values |= {name: sent[name] for name in RETENTION_FIELDS}
        values["detection"] = {
            **detection.model_dump(mode="json"),
            "classes": [label.strip() for label in sent["classes"].split(",") if label.strip()],
            "minimum_confidence": sent["minimum_confidence"],
            "frames_per_second": sent["frames_per_second"],
            "display_aspect_ratio": sent["display_aspect_ratio"],
            "record_audio": sent["record_audio"],
            # An API client of this form, or an older page, may leave them out.
            "source": sent["source"] or detection.source.value,
            # A browser sends nothing for an empty selection: `source` tells that the field was in the page.
            "camera_events": sent["camera_events"] if sent["source"] else list(detection.camera_events),
            "onvif_port": sent["onvif_port"] or detection.onvif_port,
            "stream_path": sent["stream_path"] if "stream_path" in self.data else detection.stream_path,
        }
        former = recording_of(camera) if camera is not None else RecordingSettings()
        values["recording"] = self._recording(former, is_new=camera is None)
        if "site" in self.fields and "site" in self.data:
            values["site_id"] = sent["site"]
        if "cluster" in self.fields and "cluster" in self.data:
            values["cluster_name"] = sent["cluster"]
        if camera is None:
            values["is_active"] = sent["activate"]
        return values

    def _recording(self, former: RecordingSettings, *, is_new: bool) -> dict[str, Any]:
        """Return the recording settings; an empty choice or number of seconds stays as it is.

        The mode of a new camera is left out if none is chosen: then the site or the server decides.
        """
        sent = {name: self.cleaned_data[f"recording_{name}"] for name in RecordingSettings.model_fields}
        kept = former.model_dump(mode="json")
        may_be_empty = {"days", "gigabytes"}
        values = {
            name: value if name in may_be_empty or value not in (None, "") else kept[name]
            for name, value in sent.items()
        }
        if is_new and not sent["mode"]:
            del values["mode"]
        return values

    def add_errors(self, errors: Errors) -> None:
        """Add the services' errors to the fields that they name."""
        for path, texts in errors.items():
            parts = path.split(".")
            name = parts[1] if parts[0] == "detection" and len(parts) > 1 else parts[0]
            name = f"recording_{parts[1]}" if parts[0] == "recording" and len(parts) > 1 else name
            for text in texts:
                self.add_error(name if name in self.fields else None, text)

    @property
    def has_detection_errors(self) -> bool:
        """Return whether this collapsible part has an error and must be open."""
        return self._has_errors_in(DETECTION_FIELDS)

    @property
    def has_recording_errors(self) -> bool:
        """Return whether this collapsible part has an error and must be open."""
        return self._has_errors_in(RECORDING_FIELDS)

    @property
    def has_retention_errors(self) -> bool:
        """Return whether this collapsible part has an error and must be open."""
        return self._has_errors_in(RETENTION_FIELDS)

    def _has_errors_in(self, names: tuple[str, ...]) -> bool:
        return any(name in self.errors for name in names)


class CameraFileForm(forms.Form):
    """A CSV file of cameras."""

    file = forms.FileField(
        label=_("CSV file"),
        error_messages={**REQUIRED, "empty": _("is empty.")},
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
    )


def initial_of(camera: Camera) -> dict[str, Any]:
    """Return the initial values for an existing camera, without the credentials in its URL."""
    detection = readable_detection(camera.detection)
    return {
        "name": camera.name,
        "rtsp_url": camera.masked_rtsp_url,
        "site": camera.site_id,
        "group": camera.group,
        "cluster": camera.cluster_name,
        "transport": camera.transport,
        **{name: getattr(camera, name) for name in RETENTION_FIELDS},
        **{f"recording_{name}": value for name, value in recording_of(camera).model_dump(mode="json").items()},
        "classes": ", ".join(detection.classes),
        "minimum_confidence": detection.minimum_confidence,
        "frames_per_second": detection.frames_per_second,
        "display_aspect_ratio": detection.display_aspect_ratio,
        "record_audio": detection.record_audio,
        "source": detection.source.value,
        "camera_events": [kind.value for kind in detection.camera_events],
        "onvif_port": detection.onvif_port,
        "stream_path": detection.stream_path,
    }
