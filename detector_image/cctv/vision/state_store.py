"""What an analyser must remember over a restart, one small file a camera; replaced at once or not at all."""

import contextlib
import json
from pathlib import Path
from typing import Any


class StateStore:
    """Losing a state costs a repeated alert at worst, so nothing here raises for a disk that fails."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, camera_id: int) -> dict[str, Any]:
        """The saved state; empty where there is none that can be read."""
        try:
            state = json.loads(self._path(camera_id).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return state if isinstance(state, dict) else {}

    def save(self, camera_id: int, state: dict[str, Any]) -> None:
        """Replaces the saved state."""
        path = self._path(camera_id)
        unfinished = path.with_suffix(".part")
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished.write_text(json.dumps(state), encoding="utf-8")
            unfinished.rename(path)

    def _path(self, camera_id: int) -> Path:
        return self._folder / f"{camera_id}.json"
