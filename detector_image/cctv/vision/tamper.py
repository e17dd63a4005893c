"""Whether somebody has covered, blinded, defocused or moved the camera: what the whole picture says, without a model.

A picture's structure is the direction of its edges, as a field of doubled angles, in which light and dark may change
places: it stays when a lamp is switched on or the camera goes over to infrared, and what moves leaves no trace in its
average. Tampering is what changes nearly all of it, or blurs it, and lasts.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from cctv.common.frame import Image
from cctv.vision.motion import ROWS, shrink

CHECK_SECONDS = 2.0
"""Between two looks: all of this costs about a millisecond."""
HOLD_SECONDS = 10.0
"""How long it must last. A lorry that passes or a lamp that dazzles for a moment is no tampering."""
LEARN_SECONDS = 30.0
"""How long a view is learnt before it is guarded."""
MEMORY_SECONDS = 120.0
"""The learnt view follows the real one this slowly."""
ADOPT_SECONDS = 900.0
"""A view that has been another for so long is the camera's new one."""

SATURATED_LEVEL = 245
MOST_SATURATED = 0.6
"""Share of the picture, above what the learnt view has of it."""
WORTH_GUARDING = 8.0
"""Standard deviation in grey levels. A view with less is too dull to tell whether it is still there."""
LEAST_CONTRAST = 0.5
"""Of the highest that was learnt. A picture with less is a dark one."""
LEAST_STEADINESS = 0.5
"""How like itself a view has been on average. The open sea or a lost analogue signal cannot be told from another."""
LEAST_LIKENESS = 0.2
"""Of the structure: 1.0 for the same view, about 0 for another."""
DOUBTFUL_LIKENESS = 0.6
"""Below this, the learnt view is looked for at another place of the picture."""
LEAST_GAIN = 0.2
"""By how much more alike it must be there than where it was."""
LEAST_SHIFT = 0.04
"""Share of the picture's width or height. A pole that sways in the wind moves it by less."""
LEAST_EDGES = 0.35
"""Against the learnt view's: who covers a camera leaves hardly an edge, who turns it shows it others."""
LEAST_SHARPNESS = 0.5
"""Against the learnt view's. Thick fog, in which shapes are lost too, looks sharper again: it is not told."""
STRUCTURE_ROWS, DETAIL_ROWS = ROWS // 2, 3 * ROWS

_Field = npt.NDArray[np.float32]


class Tampering(StrEnum):
    """What was done to the camera."""

    COVERED = "covered"
    BLINDED = "blinded"
    DEFOCUSED = "defocused"
    MOVED = "moved"


TEXTS = {
    Tampering.COVERED: "The camera is covered: hardly anything of its view is left.",
    Tampering.BLINDED: "The camera is blinded: nearly all of its picture is white.",
    Tampering.DEFOCUSED: "The camera is out of focus: its picture is blurred.",
    Tampering.MOVED: "The camera was moved: it shows another view than before.",
}


@dataclass(frozen=True, slots=True)
class View:
    """What is measured of a picture. `structure`: (H, W, 2), edges' strengths and doubled directions."""

    structure: _Field
    edges: float
    """How strong they are, on average."""
    contrast: float
    sharpness: float
    saturated: float


def measure(luma: Image) -> View:
    """Measures a picture's luma, (H, W), uint8."""
    small = shrink(luma, STRUCTURE_ROWS)
    detailed = cv2.GaussianBlur(shrink(luma, DETAIL_ROWS, smooth=False), (3, 3), 0)
    right, down = cv2.Sobel(small, cv2.CV_32F, 1, 0), cv2.Sobel(small, cv2.CV_32F, 0, 1)
    strength, angle = cv2.cartToPolar(right, down)
    structure = cv2.merge(cv2.polarToCart(strength, 2 * angle))
    return View(
        structure=np.asarray(structure, np.float32),
        edges=float(cv2.mean(strength)[0]),
        contrast=_spread(small),
        sharpness=_spread(cv2.Laplacian(detailed, cv2.CV_16S)) / (_spread(strength) + 1.0),
        saturated=float(np.count_nonzero(small >= SATURATED_LEVEL)) / small.size,
    )


def _spread(values: cv2.typing.MatLike) -> float:
    """The standard deviation."""
    return float(cv2.meanStdDev(values)[1][0, 0])


def likeness(one: _Field, other: _Field) -> float:
    """The cosine between two structures: 1.0 for the same directions at the same places."""
    size = float(np.linalg.norm(one)) * float(np.linalg.norm(other))
    return float(np.vdot(one, other)) / size if size else 0.0


@dataclass(frozen=True, slots=True)
class Shift:
    """Where in the picture the learnt view is found again: how like it is there, and how far that is from its place.

    `share`: of the picture's width or height, whichever is more.
    """

    likeness: float
    share: float


def find_again(one: _Field, other: _Field) -> Shift:
    """The place at which two structures are most alike, by their circular cross-correlation (a product of FFTs)."""
    height, width = one.shape[:2]
    spectrum = (np.fft.rfft2(one, axes=(0, 1)) * np.conj(np.fft.rfft2(other, axes=(0, 1)))).sum(axis=2)
    correlation = np.fft.irfft2(spectrum, (height, width))
    row, column = divmod(int(correlation.argmax()), width)
    size = float(np.linalg.norm(one)) * float(np.linalg.norm(other))
    best = float(correlation[row, column]) / size if size else 0.0
    return Shift(best, max(min(row, height - row) / height, min(column, width - column) / width))


class TamperWatch:
    """Pure: takes pictures with their times, which rise, and says once for each tampering what it is."""

    def __init__(self) -> None:
        self._known: View | None = None
        self._learnt_seconds = 0.0
        self._steadiness = 1.0
        self._well_seconds = 0.0
        self._checked_seconds: float | None = None
        self._since_seconds: float | None = None
        self._reported = False

    def state(self) -> dict[str, Any]:
        """What a restarted detector must know so that it does not report the same tampering again."""
        return {"reported": self._reported}

    def restore(self, state: dict[str, Any]) -> None:
        """Takes up a `state()`."""
        self._reported = bool(state.get("reported"))

    def check(self, luma: Image, seconds: float) -> Tampering | None:
        """What was done to the camera, when that has just become certain. `luma`: (H, W), uint8."""
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
        # In the dark a picture is noise, and noise looks sharp: what that teaches would make daylight look blurred.
        is_dark = view.contrast < LEAST_CONTRAST * known.contrast
        self._known = View(
            structure=np.asarray(cv2.addWeighted(known.structure, 1 - share, view.structure, share, 0), np.float32),
            edges=known.edges + share * (view.edges - known.edges),
            contrast=known.contrast + share * max(0.0, view.contrast - known.contrast),
            sharpness=known.sharpness + (0.0 if is_dark else share * (view.sharpness - known.sharpness)),
            saturated=known.saturated + share * (view.saturated - known.saturated),
        )


def _was_hidden(former: View, view: View) -> bool:
    """Whether the former was seen under a cover, or in the dark: next to this view, it has hardly an edge."""
    return former.edges < LEAST_EDGES * view.edges


def _is_covered(view: View, known: View) -> bool:
    """Whether a view that is not the known one is none at all."""
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
