"""One example per component of the OpenAPI schema.

A test validates each against its schema; `make schema` fails for a component without one.
"""

from typing import Any

from vigil_contracts.detection import Detection
from vigil_contracts.geometry import Box
from vigil_contracts.motion_grid import cells_of_boxes, encode
from vigil_contracts.recording import RecordingMode, RecordingSettings, SiteRecording, recording_key

_TIME, _LATER = "2026-11-23T12:00:00Z", "2026-11-30T12:00:00Z"
_UUID = "7f8f9a52-9d5b-4b7e-9d3c-0a4f7e3c1b52"
_TOKEN = "…64 characters, shown once…"  # noqa: S105 not a token
_BOX = {"x_min": 0.1, "y_min": 0.2, "x_max": 0.3, "y_max": 0.9}
_STREAM = {"width": 1920, "height": 1080, "codec": "h264", "frames_per_second": 25.0, "last_frame_time": _TIME}
_INFERENCE = {
    "model": "yolov8n",
    "runtime": "ultralytics",
    "device": "cuda:0",
    "precision": "float16",
    "decoder": "nvdec",
}
_DETECTION = Detection().model_dump(mode="json")
_SITE_RECORDING = SiteRecording(days=14, max_days=30).model_dump(mode="json")
_RECORDING = RecordingSettings(mode=RecordingMode.CONTINUOUS, days=14).model_dump(mode="json")

_CAMERA_REQUEST = {
    "name": "Front gate",
    "site": 1,
    "group": "yard",
    "rtsp_url": "rtsp://user:password@192.168.1.20:554/stream1",
    "is_active": True,
    "transport": "tcp",
    "detection": _DETECTION,
    "recording": _RECORDING,
}
_CAMERA = {
    **_CAMERA_REQUEST,
    "id": 7,
    "user": 1,
    "rtsp_url": "rtsp://***@192.168.1.20:554/stream1",
    "detector_class_name": "",
    "managed_by": "backend",
    "cluster": "north",
    "watched_by": "north",
    "resource_deleted_at": None,
    "policy_sources": {},
    "created_at": _TIME,
    "updated_at": _TIME,
    "alerts": {"total": 12, "last_alert_time": _TIME},
    "media_url": "https://media.example/camera-7/whep",
    "health": {
        "phase": "Streaming",
        "reason": "Streaming",
        "message": "The camera is streaming.",
        "stream": _STREAM,
        "inference": _INFERENCE,
        "reported_at": _TIME,
        "spooled_alerts": 0,
        "wake_time": None,
        "shadow": None,
        "cost": {
            "cpu_cores": {"p50": 0.21, "p95": 0.34},
            "memory_bytes": {"p50": 231_735_296, "p95": 235_929_600},
            "inference_share": {"p50": 0.06, "p95": 0.15},
            "seconds": 3600,
        },
    },
}
_SEGMENT_MS = 1_795_435_200_000
_SEGMENT = {
    "start_ms": _SEGMENT_MS,
    "duration_ms": 4000,
    "size_bytes": 2_012_345,
    "init_bytes": 806,
    "init_id": "5f2c9d1e7a3b4c60",
    "codecs": "avc1.64001f",
    "width": 1920,
    "height": 1080,
    "motion": 15,
    "motion_cells": encode(cells_of_boxes([Box(0.1, 0.2, 0.3, 0.9)])),
}
_GAP = {
    "start": "2026-11-23T12:00:04Z",
    "end": "2026-11-23T12:00:31Z",
    "reason": "StreamUnreachable",
    "message": "The camera is unreachable. Check its power, network, host name and port.",
}
_CONFIGURATION = {
    "id": 7,
    "name": "Front gate",
    "group": "yard",
    "rtsp_url": "rtsp://***@192.168.1.20:554/stream1",
    "transport": "tcp",
    "detection": _DETECTION,
    "recording": _RECORDING,
    "detector_class_name": "",
    "managed_by": "backend",
    "revision": "0f3c9a51d2b47e86",
}
_CONFIGURED_CAMERA = {
    "name": "Front gate",
    "site": "Yard",
    "group": "yard",
    "cluster": "",
    "rtsp_url": "rtsp://***@192.168.1.20:554/stream1",
    "is_active": True,
    "transport": "tcp",
    "detection": _DETECTION,
    "recording": _RECORDING,
    "retention_days": 30,
    "retention_megabytes": None,
    "detector_class_name": "",
}
_HEARTBEAT = {
    "phase": "Streaming",
    "reason": "Streaming",
    "message": "",
    "stream": _STREAM,
    "inference": _INFERENCE,
    "spooled_alerts": 0,
    "detector": "cctv-7-5c9d",
    "revision": "0f3c9a51d2b47e86",
}
_ALERT = {
    "id": 17,
    "camera": 7,
    "camera_name": "Front gate",
    "event_id": "7-20261123T120000-3",
    "alert_type": "person",
    "confidence": 0.87,
    "timestamp": _TIME,
    "received_at": _TIME,
    "description": "A person at the front gate",
    "label": "person",
    "box": _BOX,
    "track": "3",
    "zone": "door",
    "zone_seconds": None,
    "rule": "",
    "image": "/api/alerts/17/image/",
    "clip": "/api/alerts/17/clip/",
    "acknowledged": True,
    "acknowledged_by": "anna",
    "acknowledged_at": _TIME,
    "resolved": False,
    "resolved_by": None,
    "resolved_at": None,
    "is_false_positive": False,
}
_LEGAL_HOLD = {
    "id": 5,
    "camera": 7,
    "alert": 17,
    "start": "2026-11-23T11:59:45Z",
    "end": "2026-11-23T12:00:15Z",
    "reason": "Police report 4711/26",
    "placed_by": "anna",
    "placed_at": _TIME,
    "may_lift": True,
}
_CASE = {
    "id": 12,
    "title": "Break-in at the north gate",
    "reference": "4711/26",
    "notes": "",
    "owner": "anna",
    "created_at": _TIME,
    "closed_at": None,
}
_CASE_ITEM = {
    "id": 3,
    "camera": 7,
    "camera_name": "Front gate",
    "alert": None,
    "start": _TIME,
    "end": "2026-11-23T12:10:00Z",
    "is_held": True,
    "added_by": "anna",
    "added_at": _TIME,
}
_CASE_EXPORT = {
    "id": 5,
    "state": "done",
    "percent": 100,
    "problem": "",
    "requested_by": "anna",
    "requested_at": _TIME,
    "finished_at": _TIME,
    "size_bytes": 306_184_192,
    "manifest_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "key_id": "3f0a9c51d2b47e86",
    "has_time_stamp": True,
    "time_stamp_problem": "",
}
_CASE_MEMBER = {"user": 2, "username": "ben"}
_INVITATION = {
    "id": _UUID,
    "name": "Emil",
    "site": 1,
    "role": "operator",
    "invited_by": "anna",
    "created_at": _TIME,
    "expires_at": _LATER,
    "used_at": None,
    "used_by": None,
}
_CONFIGURED_SITE = {"name": "Yard", "recording": _SITE_RECORDING, "members": [{"username": "ben", "role": "viewer"}]}
_SUBSCRIPTION_REQUEST = {
    "name": "Nights",
    "channel": "webhook",
    "format": "vigil",
    "target": {"url": "https://hooks.example/vigil/4f1c"},
    "is_active": True,
    "alert_types": ["person", "intrusion"],
    "cameras": [7],
    "sites": [1],
    "minimum_confidence": 0.6,
    "schedule": {
        "time_zone": "Europe/Berlin",
        "windows": [{"days": ["mon", "tue", "wed", "thu", "fri"], "start": "20:00", "end": "06:00"}],
    },
    "messages_per_hour": 60,
    "digest_minutes": 0,
}
_SUBSCRIPTION = {
    **_SUBSCRIPTION_REQUEST,
    "id": 3,
    "target": {"url": "https://hooks.example/***"},
    "paused_until": None,
    "created_at": _TIME,
    "updated_at": _TIME,
}
_PUSH_KEYS = {
    "p256dh": "BNcRdreALRFXTkOOUHK1EtK2wtaz5Ry4YfYCA_0QTpQtUbVlUls0VJXg7A8u-Ts1XbjhazAkj7I99e8QcYP7DkM",
    "auth": "tBHItJI5svbpez7KI4CCXg",
}

_RESOURCE_STATE = {
    "camera": 7,
    "resource": "cam-7",
    "phase": "Streaming",
    "conditions": [
        {
            "type": "Ready",
            "status": "True",
            "reason": "Streaming",
            "message": "The camera is streaming.",
            "last_transition_time": _TIME,
        }
    ],
    "node": "node-1",
    "detector_class": "gpu",
    "wake_time": None,
    "arm_time": None,
}
_STATE: dict[str, Any] = {"id": _UUID, "state": "done", "created_at": _TIME}

_DEVICE_STREAM = {
    "name": "mainStream",
    "rtsp_url": "rtsp://192.168.1.20:554/Streaming/Channels/101",
    "snapshot_url": "http://192.168.1.20/onvif/snapshot",
    "codec": "h264",
    "width": 1920,
    "height": 1080,
    "frames_per_second": 25.0,
}
EXAMPLES: dict[str, Any] = {
    "AcceptRequest": {"token": _TOKEN},
    "AccountRequest": {"username": "emil", "password": "a long enough pass phrase"},
    "AlertIdsRequest": {"ids": [17, 18]},
    "Acknowledged": {"acknowledged": 2},
    "Resolved": {"resolved": 2},
    "JudgementRequest": {"ids": [17, 18], "is_false_positive": True},
    "Judged": {"changed": 2},
    "Alert": _ALERT,
    "AlertFieldsRequest": {
        "event_id": "7-20261123T120000-3",
        "camera": 7,
        "alert_type": "person",
        "confidence": 0.87,
        "timestamp": _TIME,
        "label": "person",
        "box": _BOX,
    },
    "AuditEntry": {
        "id": 31,
        "at": _TIME,
        "actor_id": 1,
        "actor_name": "anna",
        "via": "token",
        "token_name": "user token phone",
        "address": "192.0.2.7",
        "action": "changed",
        "kind": "camera",
        "object_id": "7",
        "object_name": "Front gate",
        "site_id": 1,
        "changes": {"is_active": [False, True]},
    },
    "Camera": _CAMERA,
    "CameraDetail": {
        **_CAMERA,
        "warnings": [
            "DetectorClass gpu has no room for a further camera: this camera waits until there is room. To make room,"
            " deactivate another camera of the class, add a node, or set spec.sleep of the class: its cameras then"
            " sleep while their schedule is disarmed. Or set detector_class_name to a class with room: cpu (3)."
        ],
        "recording_limits": {"days": {"value": 14, "source": "site"}, "gigabytes": None},
    },
    "CameraRequest": _CAMERA_REQUEST,
    "CameraConfiguration": _CONFIGURATION,
    "Channel": {
        "name": "webhook",
        "title": "Webhook",
        "formats": ["vigil", "cloudevents"],
        "is_available": True,
        "problem": "",
        "public_key": "",
        "target": {"type": "object", "properties": {"url": {"type": "string"}}, "required": ["url"]},
    },
    "CameraImportRequest": {"file": "name,rtsp_url\nFront gate,rtsp://192.168.1.20/stream1\n", "dry_run": True},
    "CameraReleasesRequest": {"released": [7]},
    "ClaimedTask": {
        "id": _UUID,
        "kind": "probe",
        "camera": 7,
        "rtsp_url": "rtsp://***@192.168.1.20:554/stream1",
        "transport": "tcp",
    },
    "ClipFieldsRequest": {
        "event_id": "7-20261123T120000-3",
        "camera": 7,
        "started_at": _TIME,
        "duration_seconds": 10.4,
        "clip": "the MP4",
    },
    "Comment": {"id": 3, "author": "anna", "text": "It was the postman.", "created_at": _TIME},
    "CommentRequest": {"text": "It was the postman."},
    "Applied": {
        "dry_run": False,
        "sites": [{"name": "Yard", "result": "added", "left_out": ["emil"]}],
        "cameras": [{"id": 7, "name": "Front gate", "result": "changed", "fields": ["detection"]}],
        "warnings": [],
    },
    "ConfigurationDocument": {"sites": [_CONFIGURED_SITE], "cameras": [_CONFIGURED_CAMERA]},
    "ConfigurationDocumentRequest": {
        "sites": [_CONFIGURED_SITE],
        "cameras": [{**_CONFIGURED_CAMERA, "rtsp_url": "rtsp://user:password@192.168.1.20:554/stream1"}],
        "dry_run": True,
    },
    "CredentialsRequest": {"username": "anna", "password": "a long enough pass phrase", "name": "phone"},
    "Control": {
        **_STATE,
        "camera": 7,
        "result": {
            "answers": True,
            "reason": "Streaming",
            "message": "",
            "has_ptz": True,
            "presets": [{"token": "1", "name": "Gate"}],
            "relays": [{"token": "relay0"}],
        },
    },
    "ControlCommandRequest": {"action": "move", "pan": 0.5, "tilt": 0, "zoom": 0, "seconds": 1},
    "Device": {
        **_STATE,
        "result": {
            "answers": True,
            "reason": "Streaming",
            "message": "",
            "manufacturer": "Example",
            "model": "C-7",
            "firmware": "1.2",
            "time_difference_seconds": 0.4,
            "streams": [_DEVICE_STREAM],
            "main_stream": _DEVICE_STREAM,
            "sub_stream": None,
            "stream_path": "/Streaming/Channels/102",
            "has_events": True,
            "has_ptz": True,
        },
    },
    "DeviceRequestRequest": {"address": "192.168.1.20", "port": 80, "username": "user", "password": "password"},
    "DetectorToken": {"token": _TOKEN},
    "DetectorTokens": {"tokens": {"7": _TOKEN}},
    "DetectorTokenOrderRequest": {"cameras": [7, 8]},
    "Discovery": {
        **_STATE,
        "result": {
            "cameras": [
                {
                    "address": "192.168.1.20",
                    "name": "Front gate",
                    "hardware": "P3245",
                    "location": "yard",
                    "services": ["http://192.168.1.20/onvif/device_service"],
                    "endpoint": f"urn:uuid:{_UUID}",
                }
            ],
            "message": "",
        },
    },
    "TaskResultFieldsRequest": {"result": '{"answers": true, "reason": "Streaming"}', "snapshot": "the JPEG"},
    "HeartbeatRequest": _HEARTBEAT,
    "Imported": {"dry_run": False, "cameras": [{"id": 7, "name": "Front gate"}], "warnings": []},
    "Case": _CASE,
    "PatchedCaseChangeRequest": {"notes": "Handed over to the police."},
    "CaseCloseOrderRequest": {"reason": "The investigation is closed."},
    "CaseDetail": {**_CASE, "members": [_CASE_MEMBER], "items": [_CASE_ITEM], "exports": [_CASE_EXPORT]},
    "CaseExport": _CASE_EXPORT,
    "CaseItem": _CASE_ITEM,
    "CaseItemOrderRequest": {"camera": 7, "start": _TIME, "end": "2026-11-23T12:10:00Z"},
    "CaseMember": _CASE_MEMBER,
    "CaseMemberOrderRequest": {"username": "ben"},
    "CaseOrderRequest": {"title": "Break-in at the north gate", "reference": "4711/26"},
    "EvidenceKey": {
        "key_id": "3f0a9c51d2b47e86",
        "public_key": "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA…\n-----END PUBLIC KEY-----\n",
        "valid_from": _TIME,
        "valid_until": None,
    },
    "LegalHold": _LEGAL_HOLD,
    "LegalHoldOrderRequest": {"alert": 17, "reason": "Police report 4711/26"},
    "LiftOrderRequest": {"reason": "The investigation is closed."},
    "GroupMapping": {"id": 3, "provider": "keycloak", "group": "guards", "site": 1, "role": "viewer"},
    "GroupMappingRequest": {"provider": "", "group": "guards", "site": 1, "role": "viewer"},
    "Invitation": _INVITATION,
    "InvitationRequestRequest": {"name": "Emil", "site": 1, "role": "operator", "expires_in_days": 7},
    "InvitedAccountRequest": {"username": "emil", "password": "a long enough pass phrase", "token": _TOKEN},
    "Member": {"user": 2, "username": "ben", "role": "viewer"},
    "Message": {
        "id": _UUID,
        "kind": "alerts",
        "event": "",
        "state": "sent",
        "attempts": 1,
        "created_at": _TIME,
        "next_attempt_at": _TIME,
        "settled_at": _TIME,
        "reason": "",
        "alerts": [17],
    },
    "NewInvitation": {
        "invitation": _INVITATION,
        "token": _TOKEN,
        "url": "https://vigil.example/invitation/…/",
    },
    "NewMemberRequest": {"username": "ben", "role": "viewer"},
    "HomeAssistant": {
        "is_enabled": True,
        "url": "mqtt://***@broker.example:1883",
        "discovery_prefix": "homeassistant",
        "sites": [1],
        "acts_as": "home-assistant",
        "is_from_environment": False,
        "is_connected": True,
        "problem": "",
    },
    "NewSubscription": {"subscription": _SUBSCRIPTION, "secret": "whsec_…shown once…"},
    "NewToken": {"token": _TOKEN, "expires_at": _LATER},
    "PatchedCameraRequest": {"is_active": False},
    "PendingReleases": {"cameras": [8]},
    "PatchedRoleRequest": {"role": "operator"},
    "SecondFactorPolicy": {"required_for": ["superuser", "admin"], "after_single_sign_on": False},
    "PatchedSecondFactorPolicyRequest": {"required_for": ["superuser", "admin"]},
    "Factor": {"type": "totp", "name": "TOTP Authenticator", "created_at": _TIME, "last_used_at": _LATER},
    "PatchedSiteRequest": {"name": "Harbour"},
    "PatchedHomeAssistantRequest": {"is_enabled": True, "url": "mqtt://vigil:secret@broker.example:1883"},
    "PatchedSubscriptionRequest": {"is_active": False},
    "ImageFieldsRequest": {
        "event_id": "7-20261123T120000-3",
        "camera": 7,
        "box": _BOX,
        "image": "the JPEG",
    },
    "Probe": {
        **_STATE,
        "camera": 7,
        "result": {
            "answers": True,
            "reason": "Streaming",
            "message": "The camera is streaming.",
            "codec": "h264",
            "width": 1920,
            "height": 1080,
            "frames_per_second": 25.0,
        },
        "snapshot": f"/api/probes/{_UUID}/snapshot/",
    },
    "ProbeRequestRequest": {
        "rtsp_url": "rtsp://192.168.1.20:554/stream1",
        "username": "user",
        "password": "password",
        "transport": "tcp",
    },
    "RegisteredResource": {"uid": _UUID, "id": 7, "digest": "5d41402abc4b2a76"},
    "ReportedResource": {**_RESOURCE_STATE, "source": "production/cameras", "reported_at": _TIME},
    "ResourceStatesRequest": {
        "source": "production/cameras",
        "states": [_RESOURCE_STATE],
        "gone": [9],
        "classes": [
            {
                "name": "gpu",
                "is_default": True,
                "room": 0,
                "requests": {"cpu_cores": 0.5, "memory_bytes": 1073741824, "devices": {"nvidia.com/gpu": 1}},
                "cost": {
                    "cameras": 12,
                    "cpu_cores": {"p50": 0.21, "p95": 0.34},
                    "memory_bytes": {"p50": 241172480, "p95": 251658240},
                    "inference_share": {"p50": 0.06, "p95": 0.15},
                },
                "requests_sufficient": True,
            }
        ],
    },
    "ResourceRegistrationRequest": {
        "source": "production/cameras",
        "resource": "front-gate",
        "owner": "anna",
        "name": "Front gate",
        "rtsp_url": "rtsp://user:password@192.168.1.20:554/stream1",
        "is_active": True,
        "transport": "tcp",
        "detection": _DETECTION,
        "detector_class_name": "cpu",
        "digest": "5d41402abc4b2a76",
    },
    "RuleQuality": {
        "camera": 7,
        "camera_name": "Front gate",
        "rule": "long stay",
        "alert_type": "loitering",
        "alerts": 12,
        "false_positives": 4,
    },
    "RecordingBatchRequest": {
        "segments": [_SEGMENT],
        "gaps": [{"start_ms": _SEGMENT_MS + 4000, "end_ms": _SEGMENT_MS + 31_000, "reason": "StreamUnreachable"}],
        "clips": [{"event_id": "7-20261123-0001", "start_ms": _SEGMENT_MS, "end_ms": _SEGMENT_MS + 4000}],
    },
    "RegisteredRecordings": {"stored": [_SEGMENT_MS], "missing": [], "clips": ["7-20261123-0001"]},
    "Timeline": {"recorded": [{"start": _TIME, "end": "2026-11-23T12:00:04Z"}], "gaps": [_GAP]},
    "MotionFound": {
        "motion": [{"start": _TIME, "end": "2026-11-23T12:00:04Z", "percent": 40}],
        "has_all": True,
        "without_position": 0,
    },
    "CameraDay": {
        "now": "2026-11-23T18:00:00.000Z",
        "recorded": [{"start": _TIME, "end": "2026-11-23T12:00:04Z"}],
        "gaps": [{**_GAP, "is_open": False}],
        "motion": [{"start": _TIME, "end": "2026-11-23T12:00:04Z", "percent": 40}],
        "alerts": [{"id": 12, "time": "2026-11-23T12:00:02.500Z", "alert_type": "person"}],
        "has_all_alerts": True,
    },
    "UploadOrderRequest": {"starts_ms": [_SEGMENT_MS]},
    "Uploads": {
        "uploads": [
            {
                "start_ms": _SEGMENT_MS,
                "url": f"https://s3.example/vigil/{recording_key(7, _SEGMENT_MS)}?X-Amz-Signature=…",
            }
        ]
    },
    "Site": {"id": 1, "name": "Yard", "recording": _SITE_RECORDING, "role": "admin", "created_at": _TIME},
    "SiteRequest": {"name": "Yard", "recording": _SITE_RECORDING},
    "Subscription": _SUBSCRIPTION,
    "SubscriptionRequest": _SUBSCRIPTION_REQUEST,
    "Token": {
        "id": _UUID,
        "name": "phone",
        "scope": "user",
        "created_at": _TIME,
        "last_used_at": _TIME,
        "expires_at": _LATER,
        "is_current": False,
    },
    "TokenRequestRequest": {"name": "phone", "expires_in_days": 90},
    "User": {"id": 2, "username": "emil"},
    "WebPushRequest": {"endpoint": "https://push.example/send/9d1", "keys": _PUSH_KEYS, "name": "Phone"},
}
