"""URLs of cameras and alerts, below `/api/`."""

from django.urls import path

from surveillance.api import (
    alert_stream,
    alerts,
    camera_import,
    cameras,
    clusters,
    detector_tasks,
    detectors,
    exports,
    live,
    resources,
)

urlpatterns = [
    path("cameras/", cameras.CameraListView.as_view(), name="camera-list"),
    path("cameras/import/", camera_import.CameraImportView.as_view(), name="camera-import"),
    path("cameras/<int:camera_id>/", cameras.CameraView.as_view(), name="camera"),
    path("cameras/<int:camera_id>/activate/", cameras.ActivateView.as_view(), name="camera-activate"),
    path("cameras/<int:camera_id>/deactivate/", cameras.DeactivateView.as_view(), name="camera-deactivate"),
    path(
        "cameras/<int:camera_id>/configuration/", detectors.ConfigurationView.as_view(), name="camera-configuration"
    ),
    path(
        "cameras/<int:camera_id>/detector-token/", detectors.DetectorTokenView.as_view(), name="camera-detector-token"
    ),
    path("detector-tokens/", detectors.DetectorTokensView.as_view(), name="detector-tokens"),
    path("cameras/<int:camera_id>/resource/", resources.CameraResourceView.as_view(), name="camera-resource-state"),
    path("cameras/<int:camera_id>/heartbeat/", detectors.HeartbeatView.as_view(), name="camera-heartbeat"),
    path("cameras/<int:camera_id>/live/", live.LiveView.as_view(), name="camera-live"),
    path("cameras/<int:camera_id>/snapshot/", live.SnapshotView.as_view(), name="camera-snapshot"),
    path("cameras/<int:camera_id>/frames/", detector_tasks.FramesView.as_view(), name="camera-frames"),
    path("cameras/<int:camera_id>/probe/", live.CameraProbeView.as_view(), name="camera-probe"),
    path("probes/", live.ProbeListView.as_view(), name="probes"),
    path("probes/<uuid:probe_id>/", live.ProbeView.as_view(), name="probe"),
    path("probes/<uuid:probe_id>/snapshot/", live.ProbeSnapshotView.as_view(), name="probe-snapshot"),
    path("discovery/", live.DiscoveryListView.as_view(), name="discovery-list"),
    path("discovery/<uuid:discovery_id>/", live.DiscoveryView.as_view(), name="discovery"),
    path("errands/", detector_tasks.DetectorTasksView.as_view(), name="detector-tasks"),
    path("errands/<uuid:task_id>/claim/", detector_tasks.TaskClaimView.as_view(), name="detector-task-claim"),
    path("errands/<uuid:task_id>/answer/", detector_tasks.TaskResultView.as_view(), name="detector-task-result"),
    path("active-cameras/", detectors.ActiveCamerasView.as_view(), name="active-cameras"),
    path("camera-releases/", clusters.ReleasesView.as_view(), name="camera-releases"),
    path("camera-resources/", resources.ResourceListView.as_view(), name="camera-resource-list"),
    path("camera-resources/status/", resources.ResourceStatesView.as_view(), name="camera-resource-states"),
    path("camera-resources/<slug:uid>/", resources.ResourceView.as_view(), name="camera-resource"),
    path("send-picture/", detectors.BetterImageView.as_view(), name="send-picture"),
    path("send-clip/", detectors.SendClipView.as_view(), name="send-clip"),
    path("send-alert/", detectors.SendAlertView.as_view(), name="send-alert"),
    path("alerts/", alerts.AlertListView.as_view(), name="alert-list"),
    path("alerts/export.csv", exports.CsvExportView.as_view(), name="alerts-csv"),
    path("alerts/export.json", exports.JsonExportView.as_view(), name="alerts-json"),
    path("alerts/acknowledge/", alerts.AcknowledgeManyView.as_view(), name="alerts-acknowledge"),
    path("alerts/resolve/", alerts.ResolveManyView.as_view(), name="alerts-resolve"),
    path("alerts/false-positive/", alerts.FalsePositiveManyView.as_view(), name="alerts-false-positive"),
    path("alerts/<int:alert_id>/", alerts.AlertView.as_view(), name="alert"),
    path("alerts/<int:alert_id>/acknowledge/", alerts.AcknowledgeView.as_view(), name="alert-acknowledge"),
    path("alerts/<int:alert_id>/resolve/", alerts.ResolveView.as_view(), name="alert-resolve"),
    path("alerts/<int:alert_id>/false-positive/", alerts.FalsePositiveView.as_view(), name="alert-false-positive"),
    path("alerts/<int:alert_id>/comments/", alerts.CommentsView.as_view(), name="alert-comments"),
    path("alerts/stream/", alert_stream.AlertStreamView.as_view(), name="alert-stream"),
    path("alerts/rules/", alerts.RuleQualityView.as_view(), name="alert-rules"),
    path("alerts/<int:alert_id>/clip/", alerts.ClipView.as_view(), name="alert-clip"),
    path("alerts/<int:alert_id>/image/", alerts.ImageView.as_view(), name="alert-image"),
]
