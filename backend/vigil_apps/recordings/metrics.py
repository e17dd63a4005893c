"""Metrics of recordings."""

from prometheus_client import Counter

SEGMENTS = Counter("vigil_recording_segments_total", "Recorded segments added to the index.")
DELETED_BYTES = Counter(
    "vigil_recording_deleted_bytes_total", "Bytes of recordings deleted by retention, by reason.", ["reason"]
)
SWEPT_FILES = Counter("vigil_recording_swept_files_total", "Deleted files of recordings without an index entry.")
MISSING_FILES = Counter("vigil_recording_missing_files_total", "Index entries deleted because their file is missing.")
