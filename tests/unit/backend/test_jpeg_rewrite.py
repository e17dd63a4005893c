"""JPEGs that need no rewriting, since it would give the same bytes."""

import io
import random

import numpy as np
import pytest
from PIL import Image
from tools.system_packages import install_command

from cctv.common.jpeg import encode_jpeg
from surveillance.core import clean_image as cleaning
from surveillance.core import jpeg_rewrite
from surveillance.core.clean_image import InvalidImageError, clean_image
from surveillance.core.image_parts import parts_of
from surveillance.core.jpeg_rewrite import is_available, is_rewritten, rewrite_jpeg

pytestmark = pytest.mark.skipif(
    not is_available(), reason=f"needs libturbojpeg.so.0: {install_command('libturbojpeg0')}"
)
PIXELS = np.random.default_rng(1).integers(0, 255, (77, 131, 3), np.uint8)


def _jpeg(**options: object) -> bytes:
    output = io.BytesIO()
    Image.fromarray(PIXELS).resize((262, 154)).save(output, format="JPEG", **options)
    return output.getvalue()


@pytest.mark.parametrize("quality", [1, 50, 85, 100])
def test_the_jpeg_of_a_detector_is_stored_as_it_is(quality: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def rewrite(content: bytes) -> bytes:
        raise AssertionError("is not needed, and takes the most time of an alert")

    sent = encode_jpeg(PIXELS, quality)
    assert rewrite_jpeg(sent) == sent
    monkeypatch.setattr(cleaning, "rewrite_jpeg", rewrite)
    assert clean_image(sent) == sent


def test_without_a_jpeg_to_compare_with_all_are_rewritten(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = _jpeg()
    monkeypatch.setattr(jpeg_rewrite, "_head", lambda: None)
    assert not is_rewritten(sent)
    assert clean_image(sent) == sent


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("size", [(1, 1), (8, 8), (17, 9), (640, 360)])
def test_every_subsampling_and_size_is_recognised(subsampling: str, size: tuple[int, int]) -> None:
    output = io.BytesIO()
    Image.fromarray(PIXELS).resize(size).save(output, format="JPEG", subsampling=subsampling)
    assert is_rewritten(output.getvalue())
    assert rewrite_jpeg(output.getvalue()) == output.getvalue()


@pytest.mark.parametrize(
    "options",
    [
        {"optimize": True},
        {"progressive": True},
        {"restart_marker_rows": 1},
        {"comment": b"at home"},
        {"icc_profile": b"x" * 100},
        {"dpi": (72, 72)},
    ],
)
def test_other_headers_are_rewritten(options: dict[str, object]) -> None:
    assert not is_rewritten(_jpeg(**options))


@pytest.mark.parametrize(
    ("at", "inserted"),
    [(-2, b"<script>0"), (-2, b"0" * 100), (-2, b"\xff"), (-2, b"\xff\xff"), (-200, b"\xff\xd0"), (2, b"\x00")],
)
def test_foreign_bytes_are_not_accepted(at: int, inserted: bytes) -> None:
    sent = _jpeg()
    assert is_rewritten(sent)
    assert not is_rewritten(sent[:at] + inserted + sent[at:])


@pytest.mark.parametrize("missing", [1, 2, 10, 1000])
def test_truncated_jpegs_are_not_accepted(missing: int) -> None:
    sent = _jpeg()
    truncated = sent[: -2 - missing] + sent[-2:]
    assert not is_rewritten(truncated)
    with pytest.raises(InvalidImageError):
        clean_image(truncated[:-2])


def test_bytes_after_the_end_are_not_accepted() -> None:
    sent = _jpeg()
    assert not is_rewritten(sent + b"<?php")
    assert clean_image(sent + b"<?php") == sent


def test_what_is_accepted_has_the_headers_and_pixels_of_a_rewritten_image() -> None:
    """With one bit changed anywhere: in a header, a table, or the coefficients."""
    sent, chance, accepted = _jpeg(), random.Random(3), 0
    for _ in range(300):
        changed = bytearray(sent)
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        try:
            content = parts_of(bytes(changed)).content
        except InvalidImageError:
            continue
        if is_rewritten(content):
            accepted += 1
            written = rewrite_jpeg(content)
            assert written is not None
            data = written.index(b"\xff\xda") + 14
            assert written[:data] == content[:data]
            assert _pixels(written) == _pixels(content)
            assert abs(len(written) - len(content)) < 50
    assert accepted > 100


def _pixels(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content), formats=["JPEG"]) as image:
        return image.tobytes()
