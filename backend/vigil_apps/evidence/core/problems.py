"""Why an export failed, or has no time stamp. A text that ends with a colon is followed by a detail."""

NOTHING_RECORDED = "Nothing of this case is recorded."
DAMAGED = "A recorded file is damaged:"
STORAGE_FAILED = "The storage failed:"
NO_SPACE = "The disk has not enough space below VIGIL_MEDIA_MAX_USED_PERCENT. Needed:"
STOPPED = "The backend was stopped again and again during this export."
UNEXPECTED = "An unexpected error. The log of the backend has the details."
LATE = "The time stamping authority did not answer in time."
UNREACHABLE = "The time stamping authority is unreachable:"
REFUSED = "The time stamping authority gave an invalid answer:"

EXPORT_TEXTS = (
    *(NOTHING_RECORDED, DAMAGED, STORAGE_FAILED, NO_SPACE, STOPPED, UNEXPECTED),
    *(LATE, UNREACHABLE, REFUSED),
)
"""All of them."""
