"""Detect that the camera was covered, blinded, defocused or moved, from the whole frame and without a model.

A frame's structure is the direction of its edges as a field of doubled angles, in which light and dark are
interchangeable. It is stable when a light is switched on or the camera switches to infrared, and moving objects
vanish in its average. Tampering changes or blurs nearly all of it, and persists.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from cctv.common.frame import Image
from cctv.vision.motion import ROWS, shrink, spread

CHECK_SECONDS = 2.0
"""Interval between two checks; one takes about a millisecond."""
HOLD_SECONDS = 10.0
"""Minimum duration. A passing lorry or a brief glare is not tampering."""
LEARN_SECONDS = 30.0
"""A view is learned for this long before tampering is reported."""
MEMORY_SECONDS = 120.0
"""Time constant with which the learned view follows the current one."""
ADOPT_SECONDS = 900.0
"""A changed view that persists for this long becomes the camera's new normal view."""

SATURATED_LEVEL = 245
MOST_SATURATED = 0.6
"""Fraction of the frame, in addition to that of the learned view."""
WORTH_GUARDING = 8.0
"""Standard deviation in grey levels. Below it, a view has too little contrast to be recognised."""
LEAST_CONTRAST = 0.5
"""Fraction of the highest learned contrast. A frame below it counts as dark."""
LEAST_STEADINESS = 0.5
"""Average self-similarity of a view. Below it (open sea, a lost analogue signal) changes cannot be recognised."""
LEAST_LIKENESS = 0.2
"""Similarity of structures: 1.0 for the same view, about 0 for another."""
DOUBTFUL_LIKENESS = 0.6
"""Below this similarity, the learned view is searched at another place of the frame."""
LEAST_GAIN = 0.2
"""Minimum gain in similarity at the other place."""
LEAST_SHIFT = 0.04
"""Fraction of the frame's width or height. A pole swaying in the wind moves the view by less."""
LEAST_EDGES = 0.35
"""Fraction of the learned edge strength: a covered camera shows hardly any edges, a turned one shows others."""
LEAST_SHARPNESS = 0.5
"""Fraction of the learned sharpness. Thick fog also blurs shapes, but has a higher value: it is not reported."""
STRUCTURE_ROWS, DETAIL_ROWS = ROWS // 2, 3 * ROWS

_Field = npt.NDArray[np.float32]


class Tampering(StrEnum):
    """The type of tampering."""

    COVERED = "covered"
    BLINDED = "blinded"
    DEFOCUSED = "defocused"
    MOVED = "moved"


TEXTS = {
    Tampering.COVERED: "The camera is covered: hardly anything of its view is left.",
    Tampering.BLINDED: "The camera is blinded: nearly all of its image is white.",
    Tampering.DEFOCUSED: "The camera is out of focus: its image is blurred.",
    Tampering.MOVED: "The camera was moved: it shows another view than before.",
}


@dataclass(frozen=True, slots=True)
class View:
    """Measurements of a frame. `structure`: (H, W, 2), edge strengths and doubled directions."""

    structure: _Field
    edges: float
    """Mean edge strength."""
    contrast: float
    sharpness: float
    saturated: float


def measure(luma: Image) -> View:
    """Measure a frame's luma, (H, W), uint8."""
    small = shrink(luma, STRUCTURE_ROWS)
    detailed = cv2.GaussianBlur(shrink(luma, DETAIL_ROWS, smooth=False), (3, 3), 0)
    right, down = cv2.Sobel(small, cv2.CV_32F, 1, 0), cv2.Sobel(small, cv2.CV_32F, 0, 1)
    strength, angle = cv2.cartToPolar(right, down)
    structure = cv2.merge(cv2.polarToCart(strength, 2 * angle))
    return View(
        structure=np.asarray(structure, np.float32),
        edges=float(cv2.mean(strength)[0]),
        contrast=spread(small),
        sharpness=spread(cv2.Laplacian(detailed, cv2.CV_16S)) / (spread(strength) + 1.0),
        saturated=float(np.count_nonzero(small >= SATURATED_LEVEL)) / small.size,
    )


def likeness(one: _Field, other: _Field) -> float:
    """Return the cosine similarity of two structures: 1.0 for the same directions at the same places."""
    size = float(np.linalg.norm(one)) * float(np.linalg.norm(other))
    return float(np.vdot(one, other)) / size if size else 0.0


@dataclass(frozen=True, slots=True)
class Shift:
    """Where in the frame the learned view was found: its similarity there, and the distance from its original place.

    `share`: the larger of the distances in fractions of the frame's width and height.
    """

    likeness: float
    share: float


def find_again(one: _Field, other: _Field) -> Shift:
    """Return the shift with the highest similarity, by circular cross-correlation (a product of FFTs)."""
    height, width = one.shape[:2]
    spectrum = (np.fft.rfft2(one, axes=(0, 1)) * np.conj(np.fft.rfft2(other, axes=(0, 1)))).sum(axis=2)
    correlation = np.fft.irfft2(spectrum, (height, width))
    row, column = divmod(int(correlation.argmax()), width)
    size = float(np.linalg.norm(one)) * float(np.linalg.norm(other))
    best = float(correlation[row, column]) / size if size else 0.0
    return Shift(best, max(min(row, height - row) / height, min(column, width - column) / width))


class TamperWatch:
    """Pure: receives frames with increasing times and reports each tampering once."""

    def __init__(self) -> None:
        self._known: View | None = None
        self._learnt_seconds = 0.0
        self._steadiness = 1.0
        self._well_seconds = 0.0
        self._checked_seconds: float | None = None
        self._since_seconds: float | None = None
        self._reported = False

    def state(self) -> dict[str, Any]:
        """Return the state that prevents a restarted detector from reporting the same tampering again."""
        return {"reported": self._reported}

    def restore(self, state: dict[str, Any]) -> None:
        """Load a `state()`."""
        self._reported = bool(state.get("reported"))

    def check(self, luma: Image, seconds: float) -> Tampering | None:
        """Return the type of tampering as soon as it is certain. `luma`: (H, W), uint8."""
        passed = CHECK_SECONDS if self._checked_seconds is None else seconds - self._checked_seconds
        if passed < CHECK_SECONDS:
            return None
        self._checked_seconds = seconds
        return self._judge(measure(luma), min(passed, HOLD_SECONDS / 2), seconds)

    def _judge(self, view: View, passed_seconds: float, seconds: float) -> Tampering | None:
        known = self._known
        if known is None or known.structure.shape != view.structure.shape:
            self._begin(view)
            return None
        found = self._difference(view, known)
        if found is None and not _was_hidden(known, view):
            self._since_seconds = None
            self._learn(view, known, passed_seconds)
            self._well_seconds += passed_seconds
            if self._well_seconds >= LEARN_SECONDS:
                self._reported = False
            return None
        self._well_seconds = 0.0
        if self._since_seconds is None:
            self._since_seconds = seconds
        lasted = seconds - self._since_seconds
        if lasted >= self._adopted_after_seconds(view, known):
            self._begin(view)
        if found is None or lasted < HOLD_SECONDS or self._reported:
            return None
        self._reported = True
        return found

    def _adopted_after_seconds(self, view: View, known: View) -> float:
        if _was_hidden(known, view):
            return HOLD_SECONDS
        return math.inf if _is_covered(view, known) else ADOPT_SECONDS

    def _difference(self, view: View, known: View) -> Tampering | None:
        is_guarded = (
            self._learnt_seconds >= LEARN_SECONDS
            and self._steadiness >= LEAST_STEADINESS
            and known.contrast >= WORTH_GUARDING
            and not _was_hidden(known, view)
        )
        return _difference(view, known) if is_guarded else None

    def _begin(self, view: View) -> None:
        self._known, self._learnt_seconds, self._steadiness, self._since_seconds = view, 0.0, 1.0, None

    def _learn(self, view: View, known: View, passed_seconds: float) -> None:
        self._learnt_seconds += passed_seconds
        share = passed_seconds / (passed_seconds + min(self._learnt_seconds, MEMORY_SECONDS))
        self._steadiness += share * (likeness(view.structure, known.structure) - self._steadiness)
        # A dark frame is noise, and noise looks sharp: learning from it would make daylight look blurred.
        is_dark = view.contrast < LEAST_CONTRAST * known.contrast
        self._known = View(
            structure=np.asarray(cv2.addWeighted(known.structure, 1 - share, view.structure, share, 0), np.float32),
            edges=known.edges + share * (view.edges - known.edges),
            contrast=known.contrast + share * max(0.0, view.contrast - known.contrast),
            sharpness=known.sharpness + (0.0 if is_dark else share * (view.sharpness - known.sharpness)),
            saturated=known.saturated + share * (view.saturated - known.saturated),
        )


def _was_hidden(former: View, view: View) -> bool:
    """Return whether the former view was covered or dark: it has hardly any edges compared with this one."""
    return former.edges < LEAST_EDGES * view.edges


def _is_covered(view: View, known: View) -> bool:
    """Return whether a view that differs from the learned one shows nothing at all."""
    return view.contrast < WORTH_GUARDING or _was_hidden(view, known)


def _difference(view: View, known: View) -> Tampering | None:
    if view.saturated - known.saturated > MOST_SATURATED:
        return Tampering.BLINDED
    like = likeness(view.structure, known.structure)
    if like < DOUBTFUL_LIKENESS:
        elsewhere = find_again(view.structure, known.structure)
        if elsewhere.likeness - like >= LEAST_GAIN:
            if elsewhere.share >= LEAST_SHIFT:
                return Tampering.MOVED
            like = elsewhere.likeness
    if like < LEAST_LIKENESS:
        return Tampering.COVERED if _is_covered(view, known) else Tampering.MOVED
    return Tampering.DEFOCUSED if view.sharpness < LEAST_SHARPNESS * known.sharpness else None
