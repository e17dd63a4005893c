"""Frames convert lazily, once, and without copying if possible."""

from collections.abc import Callable
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from cctv.common.frame import Frame, display_size, pixel_aspect_of
from cctv.common.jpeg import render_jpeg
from cctv.vision.snapshot import sharpness
from vigil_contracts.geometry import Box

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def picture() -> np.ndarray:
    """Left half red, right half grey, in BGR; 50 pixels wide, so that libav's rows are padded."""
    pixels = np.full((36, 50, 3), 128, np.uint8)
    pixels[:, :25] = (0, 0, 250)
    return pixels


def decoded(pixel_format: str) -> Frame:
    video_frame = av.VideoFrame.from_ndarray(picture(), format="bgr24").reformat(format=pixel_format)
    return Frame.from_av(video_frame, NOW, 1.0, 7)


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuvj420p", "nv12", "yuv422p", "gray", "bgr24", "rgba"])
def test_luma_is_the_brightness_in_every_format(pixel_format: str) -> None:
    luma = decoded(pixel_format).luma()
    assert luma.shape == (36, 50)
    assert luma.dtype == np.uint8
    assert abs(int(luma[10, 40]) - 128) < 12
    assert int(luma[10, 5]) < 100


@pytest.mark.parametrize(
    ("pixel_aspect", "size"),
    [(1.0, (50, 36)), (2.0, (100, 36)), (0.5, (50, 72)), (1000.0, (50, 36)), (0.0, (50, 36))],
    ids=["square", "wide", "tall", "nonsense", "unknown"],
)
def test_a_frame_has_the_shape_in_which_it_is_shown(pixel_aspect: float, size: tuple[int, int]) -> None:
    video_frame = av.VideoFrame.from_ndarray(picture(), format="bgr24").reformat(format="yuv420p")
    frame = Frame.from_av(video_frame, NOW, 1.0, 7, pixel_aspect)
    assert (frame.width, frame.height) == size
    assert frame.bgr().shape == (size[1], size[0], 3)
    assert frame.luma().shape == (36, 50), "motion looks at the encoded pixels"
    shown = cv2.imdecode(np.frombuffer(render_jpeg(frame, Box(0.1, 0.1, 0.4, 0.9), "a"), np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    assert shown.shape == (size[1], size[0], 3)
    assert sharpness(frame, Box(0.3, 0.1, 0.7, 0.9)) == pytest.approx(
        sharpness(decoded("yuv420p"), Box(0.3, 0.1, 0.7, 0.9))
    )


@pytest.mark.parametrize(
    ("encoded", "display_aspect", "shown"),
    [
        ((704, 480), Fraction(4, 3), (704, 528)),
        ((704, 576), Fraction(16, 9), (1024, 576)),
        ((1920, 1080), Fraction(16, 9), (1920, 1080)),
        ((480, 540), Fraction(16, 9), (960, 540)),
    ],
)
def test_a_display_aspect_ratio_gives_the_shape_for_any_number_of_pixels(
    encoded: tuple[int, int], display_aspect: Fraction, shown: tuple[int, int]
) -> None:
    pixel_aspect = pixel_aspect_of(display_aspect, *encoded)
    assert pixel_aspect is not None
    assert display_size(*encoded, float(pixel_aspect)) == shown


def test_luma_shares_the_decoders_memory() -> None:
    luma = decoded("yuv420p").luma()
    assert not luma.flags.owndata
    assert luma.strides[0] >= 50


def test_colours_have_the_documented_order() -> None:
    frame = decoded("yuv444p")
    blue, green, red = (int(value) for value in frame.bgr()[10, 5])
    assert red > 200
    assert blue < 60
    assert green < 60
    red, green, blue = (int(value) for value in frame.scaled_rgb(25, 18)[5, 2])
    assert red > 200
    assert blue < 60


def test_scaled_images_from_planes_and_from_bgr_are_equal() -> None:
    from_planes = decoded("yuv444p").scaled_rgb(25, 18).astype(int)
    from_bgr = Frame.from_bgr(picture(), NOW, 1.0, 7).scaled_rgb(25, 18).astype(int)
    assert from_planes.shape == from_bgr.shape == (18, 25, 3)
    assert np.abs(from_planes - from_bgr)[:, [2, 20]].max() < 12


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuvj420p", "nv12", "yuv422p", "rgb24"])
def test_a_crop_has_the_pixels_of_its_region(pixel_format: str) -> None:
    frame = decoded(pixel_format)
    crop = frame.crop(Box(0.43, 0.5, 0.75, 0.99))
    assert crop.region == Box(20 / 50, 18 / 36, 38 / 50, 1.0), "even pixels around the region"
    assert (crop.width, crop.height) == (18, 18)
    assert crop.full_size == frame.full_size == (50, 36)
    assert (crop.sequence, crop.received_at, crop.monotonic_seconds) == (7, NOW, 1.0)
    # Formats that are cropped after their conversion to RGB have luma of another range.
    np.testing.assert_allclose(crop.luma().astype(int), frame.luma()[18:36, 20:38], atol=8)
    whole, part = frame.scaled_rgb(50, 36).astype(int), crop.scaled_rgb(18, 18).astype(int)
    assert np.abs(whole[18:36, 20:38] - part)[:, [0, 2, 8, 16]].max() <= 4


@pytest.mark.parametrize("make", [Frame.from_bgr, Frame.from_rgb])
def test_a_crop_of_an_image_has_its_pixels(make: Callable[..., Frame]) -> None:
    pixels = picture()
    crop = make(pixels, NOW, 1.0, 7).crop(Box(0.4, 0.0, 0.6, 0.5))
    same = crop.bgr() if make == Frame.from_bgr else crop.scaled_rgb(10, 18)
    np.testing.assert_array_equal(same, pixels[:18, 20:30])


def test_a_crop_keeps_the_display_shape() -> None:
    video_frame = av.VideoFrame.from_ndarray(picture(), format="bgr24").reformat(format="yuv420p")
    crop = Frame.from_av(video_frame, NOW, 1.0, 7, 2.0).crop(Box(0.4, 0.0, 0.6, 0.5))
    assert (crop.width, crop.height) == (20, 18)
    assert crop.bgr().shape == (18, 20, 3)


def test_a_crop_has_at_least_two_pixels_at_the_last_edge() -> None:
    assert decoded("yuv420p").crop(Box(1.0, 1.0, 1.0, 1.0)).region == Box(48 / 50, 34 / 36, 1.0, 1.0)


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuvj420p", "nv12", "yuv422p", "bgr24"])
def test_a_shrunk_frame_shows_the_same(pixel_format: str) -> None:
    frame = decoded(pixel_format)

    shrunk = frame.shrunk(24)

    assert (shrunk.width, shrunk.height) == (24, 17)
    assert (shrunk.received_at, shrunk.monotonic_seconds, shrunk.sequence) == (NOW, 1.0, 7)
    assert np.abs(shrunk.bgr()[8, 3].astype(int) - frame.bgr()[18, 6]).max() < 12
    assert np.abs(shrunk.bgr()[8, 20].astype(int) - frame.bgr()[18, 40]).max() < 12
    assert frame.shrunk(50) is frame, "it is not wider"


def test_a_shrunk_frame_keeps_the_display_shape() -> None:
    video_frame = av.VideoFrame.from_ndarray(picture(), format="bgr24").reformat(format="yuv420p")

    shrunk = Frame.from_av(video_frame, NOW, 1.0, 7, 2.0).shrunk(50)

    assert (shrunk.width, shrunk.height) == (50, 18)


def test_conversions_are_cached() -> None:
    frame = decoded("yuv420p")
    assert frame.bgr() is frame.bgr()
    assert frame.luma() is frame.luma()


def test_conversions_start_no_threads_of_their_own() -> None:
    """libswscale starts one for each processor and geometry unless it is told not to, and keeps them."""
    before = len(list(Path("/proc/self/task").iterdir()))
    for width in range(16, 48, 2):
        decoded("yuv420p").scaled_rgb(width, 18)
    assert len(list(Path("/proc/self/task").iterdir())) == before
