"""Store the analysers' state across restarts: one small file per camera, replaced atomically."""

import contextlib
import json
from pathlib import Path
from typing import Any


class StateStore:
    """Losing a state causes a repeated alert at worst, so a failing disk raises nothing here."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, camera_id: int) -> dict[str, Any]:
        """Return the saved state; empty if there is none or it is unreadable."""
        try:
            state = json.loads(self._path(camera_id).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return state if isinstance(state, dict) else {}

    def save(self, camera_id: int, state: dict[str, Any]) -> None:
        """Replace the saved state."""
        path = self._path(camera_id)
        unfinished = path.with_suffix(".part")
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished.write_text(json.dumps(state), encoding="utf-8")
            unfinished.rename(path)

    def _path(self, camera_id: int) -> Path:
        return self._folder / f"{camera_id}.json"
