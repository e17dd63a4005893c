"""URLs of the dashboard, below `/dashboard/`."""

from django.urls import path

from vigil_apps.accounts.lockout import limited_attempts
from vigil_apps.dashboard.views import (
    alerts,
    camera_file,
    cameras,
    overview,
    recordings,
    rules,
    sessions,
    settings,
    worker,
)

app_name = "dashboard"

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("live/", overview.overview_live, name="overview-live"),
    path("statistics/", overview.statistics, name="statistics"),
    path("login/", limited_attempts(sessions.SignInView.as_view()), name="login"),
    path("logout/", sessions.SignOutView.as_view(), name="logout"),
    path("service-worker.js", worker.service_worker, name="service-worker"),
    path("cameras/", cameras.cameras, name="cameras"),
    path("cameras/live/", cameras.cameras_live, name="cameras-live"),
    path("cameras/add/", cameras.camera_add, name="camera-add"),
    path("cameras/import/", camera_file.camera_import, name="camera-import"),
    path("cameras/<int:camera_id>/", cameras.camera, name="camera"),
    path("cameras/<int:camera_id>/live/", cameras.camera_live, name="camera-live"),
    path("cameras/<int:camera_id>/edit/", cameras.camera_edit, name="camera-edit"),
    path("cameras/<int:camera_id>/recordings/", recordings.camera_recordings, name="camera-recordings"),
    path("cameras/<int:camera_id>/rules/", rules.camera_rules, name="camera-rules"),
    path("cameras/<int:camera_id>/rules/preview/", rules.camera_rules_preview, name="camera-rules-preview"),
    path("cameras/<int:camera_id>/rules/save/", rules.camera_rules_save, name="camera-rules-save"),
    path("cameras/<int:camera_id>/activate/", cameras.camera_activate, name="camera-activate"),
    path("cameras/<int:camera_id>/deactivate/", cameras.camera_deactivate, name="camera-deactivate"),
    path("cameras/<int:camera_id>/delete/", cameras.camera_remove, name="camera-delete"),
    path("settings/", settings.sites, name="settings-sites"),
    path("settings/notifications/", settings.notifications, name="settings-notifications"),
    path("settings/tokens/", settings.tokens, name="settings-tokens"),
    path("settings/people/", settings.people, name="settings-people"),
    path("settings/people/<int:user_id>/switch/", settings.person_switch, name="settings-person-switch"),
    path("settings/audit/", settings.audit, name="settings-audit"),
    path("settings/system/", settings.system, name="settings-system"),
    path("alerts/", alerts.alerts, name="alerts"),
    path("alerts/new/", alerts.alerts_new, name="alerts-new"),
    path("alerts/undo/", alerts.alerts_undo, name="alerts-undo"),
    path("alerts/acknowledge/", alerts.alerts_acknowledge_many, name="alerts-acknowledge"),
    path("alerts/resolve/", alerts.alerts_resolve_many, name="alerts-resolve"),
    path("alerts/false-positive/", alerts.alerts_false_positive_many, name="alerts-false-positive"),
    path("alerts/<int:alert_id>/", alerts.alert, name="alert"),
    path("alerts/<int:alert_id>/preview/", alerts.alert_preview, name="alert-preview"),
    path("alerts/<int:alert_id>/thumbnail/", alerts.alert_thumbnail, name="alert-thumbnail"),
    path("alerts/<int:alert_id>/resolve/", alerts.alert_resolve, name="alert-resolve"),
    path("alerts/<int:alert_id>/false-positive/", alerts.alert_false_positive, name="alert-false-positive"),
    path("alerts/<int:alert_id>/comment/", alerts.alert_add_comment, name="alert-comment"),
    path("alerts/<int:alert_id>/acknowledge/", alerts.alert_acknowledge, name="alert-acknowledge"),
]
