"""URLs of recordings, below `/api/`."""

from django.urls import path

from vigil_apps.api.recordings import clips, frames, timeline, views

_CAMERA = "cameras/<int:camera_id>/recordings/"
urlpatterns = [
    path(_CAMERA, views.RecordingsView.as_view(), name="recordings"),
    path(f"{_CAMERA}uploads/", views.UploadsView.as_view(), name="recording-uploads"),
    path(f"{_CAMERA}timeline/", timeline.TimelineView.as_view(), name="recording-timeline"),
    path(f"{_CAMERA}motion/", timeline.MotionSearchView.as_view(), name="recording-motion"),
    path(f"{_CAMERA}frame/", frames.FrameView.as_view(), name="recording-frame"),
    path("errands/<uuid:task_id>/recording/", frames.TaskRecordingView.as_view(), name="errand-recording"),
    path("alerts/<int:alert_id>/clip/", clips.ClipView.as_view(), name="alert-clip"),
    path(f"{_CAMERA}preview/", views.PreviewView.as_view(), name="recording-preview"),
    path(f"{_CAMERA}playlist.m3u8", views.PlaylistView.as_view(), name="recording-playlist"),
    path(f"{_CAMERA}<int:start_ms>.mp4", views.SegmentView.as_view(), name="recording-segment"),
]
