"""Inputs of tests that take half a minute or more to create, stored in the user's cache like Kubernetes' programs.

folder = kept("made-weights", [Path(__file__), _LOCK], make)     # `make(folder)` fills it, once for these sources
clip = ensure_yard_clip(DEMO_CLIP_FOLDER)                        # its file name has a digest of its own
link_demo_clip(data)                                             # `vigil run` with this data renders none
"""

import fcntl
import hashlib
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from vigil_demo.yard_clip import ensure_yard_clip

CACHE = Path.home() / ".cache" / "vigil" / "test-inputs"
DEMO_CLIP_FOLDER = CACHE / "demo-clip"
_UNUSED_SECONDS = 14 * 24 * 3600


def kept(name: str, sources: Iterable[Path], make: Callable[[Path], None], *, versions: Iterable[str] = ()) -> Path:
    """Return the folder that `make` has filled. It is made again when the content of a source or a version changes.

    Folders of other sources are removed after two weeks without use.
    """
    digest = hashlib.sha256("\n".join(versions).encode())
    for source in sources:
        digest.update(source.read_bytes())
    parent = CACHE / name
    parent.mkdir(parents=True, exist_ok=True)
    folder = parent / digest.hexdigest()[:16]
    with (parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another test process may be creating it
        if not folder.is_dir():
            part = parent / f"{folder.name}.part"
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            make(part)
            part.rename(folder)
        folder.touch()
        for other in parent.iterdir():
            if other.is_dir() and other.stat().st_mtime < time.time() - _UNUSED_SECONDS:
                shutil.rmtree(other)
    return folder


def link_demo_clip(data: Path) -> None:
    """Give a new data directory of `vigil run` the demo clip, which takes 45 s of CPU to render."""
    ensure_yard_clip(DEMO_CLIP_FOLDER)
    data.mkdir(mode=0o700)
    (data / "demo").symlink_to(DEMO_CLIP_FOLDER)
