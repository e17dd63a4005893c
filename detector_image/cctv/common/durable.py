"""Changes of a folder that survive a power failure."""

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Write the folder's entries to the disk, so that a new or renamed file is there after a power failure."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
