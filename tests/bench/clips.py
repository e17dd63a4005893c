"""Clips for benchmarks."""

import subprocess
from pathlib import Path


def repeated(clip: Path, path: Path, seconds: float) -> Path:
    """Write the clip to `path` as often as needed for the length, without encoding it again; return `path`."""
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-stream_loop", "-1", "-i", str(clip), "-an"]
    subprocess.run([*command, "-t", str(seconds), "-c", "copy", str(path)], check=True)
    return path
