"""Pictures made safe in both ways: from their coefficients by libturbojpeg, from their pixels by Pillow alone."""

import io
import time

import pytest
from PIL import Image

from surveillance.core import jpeg_rewrite
from surveillance.core.pictures import InvalidPictureError, clean_picture

PAYLOAD = b"<script>alert(1)</script>"
EXIF, COMMENT_MARKER = 0x010E, b"\xff\xfe"


@pytest.fixture(params=["libturbojpeg", "Pillow alone"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every test is run in both ways."""
    if request.param == "Pillow alone":
        monkeypatch.setattr(jpeg_rewrite, "_library", None)
    elif not jpeg_rewrite.is_available():
        pytest.skip("needs libturbojpeg.so.0 (Debian package libturbojpeg0)")
    return str(request.param)


def _noise(mode: str = "RGB", size: tuple[int, int] = (320, 200)) -> Image.Image:
    bands = [Image.effect_noise(size, 60) for _ in Image.new(mode, (1, 1)).getbands()]
    return bands[0] if len(bands) == 1 else Image.merge(mode, bands)


def _jpeg(image: Image.Image, **options: object) -> bytes:
    output = io.BytesIO()
    image.save(output, format="JPEG", **options)
    return output.getvalue()


def _opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content), formats=["JPEG"])
    image.load()
    return image


def _difference(first: Image.Image, second: Image.Image) -> float:
    pairs = zip(first.convert("RGB").tobytes(), second.convert("RGB").tobytes(), strict=True)
    return sum(abs(one - other) for one, other in pairs) / (first.width * first.height * 3)


def test_nothing_is_kept_but_the_picture(way: str) -> None:
    exif = Image.Exif()
    exif[EXIF] = "taken at home"
    sent = _jpeg(_noise(), exif=exif, comment=PAYLOAD, icc_profile=PAYLOAD * 20) + PAYLOAD
    cleaned = clean_picture(sent)
    assert b"taken at home" in sent
    assert PAYLOAD not in cleaned
    assert b"taken at home" not in cleaned
    assert COMMENT_MARKER not in cleaned[:600]
    assert cleaned.endswith(b"\xff\xd9")
    picture = _opened(cleaned)
    assert picture.mode == "RGB"
    assert picture.info.keys() <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    if way == "libturbojpeg":
        assert picture.tobytes() == _opened(sent).tobytes(), "not one pixel is another"
    else:
        assert _difference(picture, _opened(sent)) < 8


def test_bytes_between_the_picture_and_its_end_are_not_kept() -> None:
    sent = _jpeg(_noise())
    cleaned = clean_picture(sent[:-2] + PAYLOAD + sent[-2:])
    assert PAYLOAD not in cleaned
    assert _opened(cleaned).size == (320, 200)


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("RGB", {"progressive": True}),
        ("RGB", {"subsampling": "4:4:4"}),
        ("RGB", {"optimize": True}),
        ("RGB", {"restart_marker_rows": 2}),
        ("RGB", {"keep_rgb": True}),
        ("L", {}),
        ("CMYK", {}),
    ],
)
def test_every_kind_becomes_a_jpeg_that_looks_the_same(mode: str, options: dict[str, object]) -> None:
    sent = _jpeg(_noise("RGB", (32, 20)).resize((320, 200)).convert(mode), **options)
    cleaned = _opened(clean_picture(sent))
    assert (cleaned.mode, cleaned.size) == ("RGB", (320, 200))
    assert "progressive" not in cleaned.info
    assert _difference(cleaned, _opened(sent)) < 8


@pytest.mark.parametrize("part", [0.1, 0.5, 0.95])
def test_truncated_pictures_are_refused(part: float) -> None:
    sent = _jpeg(_noise())
    with pytest.raises(InvalidPictureError, match="damaged or incomplete"):
        clean_picture(sent[: int(len(sent) * part)])


def test_the_largest_picture_is_done_within_a_second() -> None:
    sent = _jpeg(Image.new("RGB", (4096, 4096), "white"))
    began = time.perf_counter()
    assert _opened(clean_picture(sent)).size == (4096, 4096)
    assert time.perf_counter() - began < 1
