"""Keep a model in shadow from ending the process repeatedly, by its use of memory or a fault of its runtime."""

import json
from pathlib import Path

from cctv.common.durable import sync_folder

MAX_UNCLEAN_ENDS = 2
"""After so many ends of the process while the model was in use, it is not loaded again in this trial."""


class ShadowGuard:
    """A small file beside the detector's state. It outlives the process, which may end without a word."""

    def __init__(self, folder: Path, trial: str) -> None:
        self._path, self._trial = folder / "shadow-trial.json", trial

    def begin(self) -> bool:
        """Record that the model is about to be loaded. Return False if it must not be: it has ended the process.

        Raises OSError if the disk fails: without a record the model is not safe to load.
        """
        ends = self._unclean_ends()
        if ends >= MAX_UNCLEAN_ENDS:
            return False
        self._write(ends + 1)
        return True

    def end(self) -> None:
        """Record that the process ends in order, or has run for long enough. Raises OSError."""
        self._write(0)

    def _unclean_ends(self) -> int:
        try:
            stored = json.loads(self._path.read_text(encoding="utf-8"))
            return int(stored["ends"]) if stored["trial"] == self._trial else 0
        except (OSError, ValueError, KeyError, TypeError):
            return 0

    def _write(self, ends: int) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._path.with_suffix(".part")
        unfinished.write_text(json.dumps({"trial": self._trial, "ends": ends}), encoding="utf-8")
        unfinished.rename(self._path)
        sync_folder(self._path.parent)
