"""Tamper detection on real clips: passing people and cars are not reported, a covered lens is."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.integration.detector.clips import CARS, PERSONS, frames_of

from cctv.vision.tamper import CHECK_SECONDS, LEARN_SECONDS, Tampering, TamperWatch

Look = Callable[[np.ndarray], np.ndarray]


@pytest.fixture(scope="module", params=[PERSONS, CARS])
def lumas(shared: Path, request: pytest.FixtureRequest) -> list[np.ndarray]:
    """Return a frame for every two seconds of the clip, repeated until there are forty."""
    due, found = 0.0, []
    for frame in frames_of(shared / "videos" / request.param):
        if frame.monotonic_seconds >= due:
            found.append(frame.luma().copy())
            due += CHECK_SECONDS
    return (found * 40)[:40]


def _watch(lumas: list[np.ndarray], look: Look) -> list[Tampering]:
    """Return the alerts for the original clip followed by the altered one."""
    watch = TamperWatch()
    random = np.random.default_rng(3)
    said = []
    for number, luma in enumerate([*lumas, *map(look, lumas)]):
        noisy = (luma + random.normal(0, 1.0, luma.shape)).clip(0, 255).astype(np.uint8)
        tampering = watch.check(noisy, number * CHECK_SECONDS)
        if tampering:
            assert number * CHECK_SECONDS > len(lumas) * CHECK_SECONDS > LEARN_SECONDS, "not of the clip itself"
            said.append(tampering)
    return said


def _panned(share: float) -> Look:
    def look(luma: np.ndarray) -> np.ndarray:
        right = np.array([[1, 0, share * luma.shape[1]], [0, 1, 0]], np.float32)
        return cv2.warpAffine(luma, right, luma.shape[::-1], borderMode=cv2.BORDER_REFLECT).astype(np.uint8)

    return look


@pytest.mark.parametrize(
    ("look", "said"),
    [
        (lambda luma: luma, []),
        (lambda luma: luma * 0.2, []),
        (lambda luma: 255 - luma, []),
        (lambda luma: luma * np.linspace(0.2, 1.6, luma.shape[1]), []),
        (_panned(0.02), []),
        (lambda luma: np.full_like(luma, 8), [Tampering.COVERED]),
        (lambda luma: np.full_like(luma, 255), [Tampering.BLINDED]),
        (_panned(0.1), [Tampering.MOVED]),
        (_panned(0.4), [Tampering.MOVED]),
    ],
    ids=["as it is", "night", "infrared", "low sun", "wind", "lid", "lamp", "turned a little", "turned away"],
)
def test_real_views(lumas: list[np.ndarray], look: Look, said: list[Tampering]) -> None:
    assert _watch(lumas, look) == said


@pytest.mark.parametrize("lumas", [PERSONS], indirect=True)  # the other clip is already blurred
@pytest.mark.parametrize("blur_pixels", [3, 8])
def test_a_smeared_lens(lumas: list[np.ndarray], blur_pixels: float) -> None:
    assert _watch(lumas, lambda luma: cv2.GaussianBlur(luma, (0, 0), blur_pixels)) == [Tampering.DEFOCUSED]
