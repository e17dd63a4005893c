"""The fields of a camera that its users set: one list for API, admin, CSV import, audit log and services."""

RETENTION_FIELDS = ("retention_days", "retention_megabytes")
CAMERA_FIELDS = (
    "name",
    "site",
    "group",
    "cluster",
    "rtsp_url",
    "is_active",
    "transport",
    "detection",
    "recording",
    *RETENTION_FIELDS,
    "detector_class_name",
)
"""In the order in which the API and the admin show them."""
WRITABLE = tuple(f"{name}_id" if name in {"site", "cluster"} else name for name in CAMERA_FIELDS)
"""The same fields as attributes of a row."""
FIELDS_WITHOUT_RETENTION = tuple(name for name in CAMERA_FIELDS if name not in (*RETENTION_FIELDS, "recording"))
"""The fields of the admin and of CSV files, where cameras get the server's retention and are not recorded."""
