"""Cameras and alerts in Django's admin. Stream URLs are displayed without credentials."""

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest

from surveillance.core.camera_fields import FIELDS_WITHOUT_RETENTION
from surveillance.core.validation import InvalidInputError, parse, stream_url
from surveillance.models import Alert, Camera, ManagedBy
from surveillance.selectors.holds import without_hold
from vigil_contracts.detection import Detection

if TYPE_CHECKING:  # generic for the type checker only
    CameraModelForm = forms.ModelForm[Camera]
    CameraModelAdmin = admin.ModelAdmin[Camera]
    AlertModelAdmin = admin.ModelAdmin[Alert]
else:
    CameraModelForm = forms.ModelForm
    CameraModelAdmin = AlertModelAdmin = admin.ModelAdmin


class CameraForm(CameraModelForm):
    """The camera's form; an empty stream URL keeps the stored one."""

    rtsp_url = forms.CharField(
        required=False,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "off"}),
        label="New stream URL",
        help_text="rtsp://user:password@host:554/path. Leave it empty to keep the stored one.",
    )
    detection = forms.JSONField(required=False, help_text="Empty: the defaults.")

    class Meta:
        model = Camera
        fields = ("user", *FIELDS_WITHOUT_RETENTION)

    def clean_rtsp_url(self) -> str:
        """Return the URL to store."""
        stored = self.instance.rtsp_url if self.instance.pk else None
        sent = self.cleaned_data["rtsp_url"]
        if not sent and stored is not None and (stored or self.instance.is_address_unreadable):
            return stored
        return str(_validate(stream_url, sent, stored=stored, policy=settings.VIGIL_CAMERA_ADDRESSES))

    def clean_detection(self) -> dict[str, object]:
        """Return the complete detection settings."""
        sent = self.cleaned_data["detection"] or {}
        return dict(_validate(parse, Detection, sent, prefix="detection").model_dump(mode="json"))


def _validate(function: Any, *args: Any, **kwargs: Any) -> Any:
    try:
        return function(*args, **kwargs)
    except InvalidInputError as error:
        raise forms.ValidationError(str(error)) from None


@admin.register(Camera)
class CameraAdmin(CameraModelAdmin):
    """Cameras of all users."""

    form = CameraForm
    list_display = ("name", "user", "site", "group", "masked_rtsp_url", "is_active", "managed_by", "updated_at")
    list_filter = ("is_active", "managed_by", "site", "group")
    list_select_related = ("user", "site")
    search_fields = ("name", "user__username")
    readonly_fields = ("masked_rtsp_url", "managed_by", "created_at", "updated_at")

    def has_change_permission(self, request: HttpRequest, obj: Camera | None = None) -> bool:
        """Deny changes of a kubectl camera. Deletion is permitted, for resources whose cluster no longer exists."""
        if obj is not None and obj.managed_by != ManagedBy.BACKEND:
            return False
        return super().has_change_permission(request, obj)


@admin.register(Alert)
class AlertAdmin(AlertModelAdmin):
    """Alerts, read-only."""

    list_display = ("id", "camera", "alert_type", "confidence", "timestamp", "acknowledged")
    list_filter = ("alert_type", "acknowledged")
    list_select_related = ("camera",)
    show_full_result_count = False
    readonly_fields: ClassVar[tuple[str, ...]] = tuple(field.name for field in Alert._meta.fields)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Deny it: alerts come from detectors."""
        return False

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Protect alerts with a legal hold; the database itself protects only those that a hold names."""
        shown, counts, denied, protected = super().get_deleted_objects(objs, request)
        chosen = Alert.objects.filter(pk__in=[alert.pk for alert in objs])
        held = chosen.exclude(pk__in=without_hold(chosen).order_by().values("pk"))
        return shown, counts, denied, [*protected, *(f"alert {alert.pk}: legal hold" for alert in held)]
