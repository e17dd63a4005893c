"""Why the other keys of Frigate's file are not taken, and what to use instead."""

UNKNOWN = "not a key that Vigil knows"
OVERRIDDEN = "each camera that is imported has its own value"
_NO_AUDIO = "Vigil does not analyse audio"
_RECORD = "Vigil has no such setting of recordings"
_TRACKER = "Vigil's tracker has no such setting"
_IMAGE = "each alert has an image of the whole frame"
_STREAM = "Vigil opens the stream itself, without ffmpeg"
_MOTION = "Vigil's motion gate adapts itself to the scene; only masks are taken"
_NOTIFY = "choose what to be notified of under Settings, Notifications"

_SHARED: dict[str, str] = {
    "audio": _NO_AUDIO,
    "audio_transcription": _NO_AUDIO,
    "birdseye": "the dashboard shows all cameras on one page",
    "detect": _TRACKER,
    "detect.annotation_offset": "boxes and images of Vigil are of the same frame",
    "detect.fps": OVERRIDDEN,
    "detect.width": OVERRIDDEN,
    "detect.height": OVERRIDDEN,
    "detect.enabled": OVERRIDDEN,
    "face_recognition": "Vigil recognises no faces",
    "ffmpeg": _STREAM,
    "ffmpeg.hwaccel_args": "set the decoder with VIGIL_HARDWARE_DECODER, or spec.decoder of a DetectorClass",
    "genai": "Vigil uses no language models",
    "live": "Vigil's live view shows the analysed frames",
    "lpr": "Vigil reads no licence plates",
    "motion": _MOTION,
    "motion.mask": OVERRIDDEN,
    "notifications": _NOTIFY,
    "objects": "Vigil has no such setting",
    "objects.filters": "the camera does not track this object, or Vigil has no such filter",
    "objects.genai": "Vigil uses no language models",
    "objects.mask": "Vigil has no object masks; draw a zone that leaves the area out, and use it in the rules",
    "objects.track": OVERRIDDEN,
    "record": _RECORD,
    "record.alerts": "the window of alerts applies to recordings of motion and alerts only",
    "record.alerts.retain": "Vigil keeps all recordings of a camera for recording.days",
    "record.detections": "the window of alerts is taken",
    "record.detections.retain": "Vigil keeps all recordings of a camera for recording.days",
    "record.retain.mode": "the camera is not recorded",
    "review": "Vigil has one severity; each alert is in the inbox until someone resolves it",
    "review.genai": "Vigil uses no language models",
    "semantic_search": "Vigil searches alerts by type, camera, time and text only",
    "snapshots": _IMAGE,
    "snapshots.required_zones": "choose zones in the rules",
    "timestamp_style": "Vigil draws no time into images; an alert has its time as a field",
    "ui": "each user chooses language, time zone and theme in the dashboard",
    "ui.timezone": "set the time zone of a schedule in detection.schedule",
}

REASONS: dict[str, str] = {
    **_SHARED,
    **{f"cameras.*.{key}": note for key, note in _SHARED.items()},
    "auth": "create users in Vigil; they sign in to the dashboard",
    "camera_groups": "put cameras into a site, which also decides who sees them",
    "cameras.*": UNKNOWN,
    "cameras.*.best_image_timeout": "Vigil replaces an alert's image when it has a better one",
    "cameras.*.ffmpeg.inputs": _STREAM,
    "cameras.*.ffmpeg.inputs.hwaccel_args": _SHARED["ffmpeg.hwaccel_args"],
    "cameras.*.ffmpeg.inputs.roles": "the stream is not used",
    "cameras.*.mqtt": "an MQTT subscription sends alerts, not images",
    "cameras.*.onvif": "Vigil does not control cameras by ONVIF",
    "cameras.*.profiles": "set a schedule (detection.schedule), or change cameras by the API",
    "cameras.*.triggers": "Vigil searches no images by description",
    "cameras.*.type": "all cameras are of one type",
    "cameras.*.webui_url": "Vigil has no such field",
    "cameras.*.zones.*.distances": "Vigil does not estimate speeds",
    "cameras.*.zones.*.filters": "no rule uses the zone for this object, or Vigil has no such filter",
    "cameras.*.zones.*.inertia": "an object counts in a zone at once; rules have minimum_seconds",
    "cameras.*.zones.*.speed_threshold": "Vigil does not estimate speeds",
    "classification": "use a second detection model (detection.models)",
    "database": "Vigil has its own database (DATABASE_URL)",
    "detectors": "choose the model's device with VIGIL_MODEL_DEVICE, or a DetectorClass on Kubernetes",
    "environment_vars": "set variables where Vigil is started",
    "go2rtc": "Vigil reads the cameras' own streams; it runs no go2rtc",
    "go2rtc.streams": "no camera uses this stream",
    "logger": "set VIGIL_LOG_LEVEL",
    "model": "choose the model with VIGIL_MODEL (MODEL= of make run), or a DetectorClass on Kubernetes",
    "mqtt": "subscribe to alerts by MQTT with POST /api/notifications/",
    "networking": "see HOST, PORT and VIGIL_PUBLIC_URL",
    "profiles": "set a schedule (detection.schedule), or change cameras by the API",
    "proxy": "see the page on single sign-on",
    "safe_mode": "Vigil has no safe mode",
    "telemetry": "Vigil's metrics are at /metrics; it contacts no update server",
    "tls": "HOST=0.0.0.0 serves the dashboard over TLS; VIGIL_PUBLIC_URL names a reverse proxy",
    "version": "the version of Frigate's file format",
}
"""By pattern: the most specific one counts. Keys that were converted are not looked up here."""
