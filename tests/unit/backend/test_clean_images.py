"""Images made safe in both ways: from coefficients by libturbojpeg, and from pixels by Pillow."""

import io
import resource
import struct
import zipfile
from collections.abc import Callable

import pytest
from PIL import Image
from tools.system_packages import install_command

from surveillance.core import jpeg_rewrite
from surveillance.core.clean_image import InvalidImageError, clean_image
from surveillance.core.image_decoder import decoders

PAYLOAD = b"<script>alert(1)</script>"
EXIF, COMMENT_MARKER = 0x010E, b"\xff\xfe"


@pytest.fixture(params=["libturbojpeg", "Pillow alone"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run every test with both ways."""
    if request.param == "Pillow alone":
        monkeypatch.setattr(jpeg_rewrite, "_library", None)
    elif not jpeg_rewrite.is_available():
        pytest.skip(f"needs libturbojpeg.so.0: {install_command('libturbojpeg0')}")
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


def test_metadata_is_removed(way: str) -> None:
    exif = Image.Exif()
    exif[EXIF] = "taken at home"
    sent = _jpeg(_noise(), exif=exif, comment=PAYLOAD, icc_profile=PAYLOAD * 20) + PAYLOAD
    cleaned = clean_image(sent)
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


def test_bytes_after_the_image_are_removed() -> None:
    sent = _jpeg(_noise())
    cleaned = clean_image(sent[:-2] + PAYLOAD + sent[-2:])
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
def test_every_format_becomes_an_equivalent_jpeg(mode: str, options: dict[str, object]) -> None:
    sent = _jpeg(_noise("RGB", (32, 20)).resize((320, 200)).convert(mode), **options)
    cleaned = _opened(clean_image(sent))
    assert (cleaned.mode, cleaned.size) == ("RGB", (320, 200))
    assert "progressive" not in cleaned.info
    assert _difference(cleaned, _opened(sent)) < 8


@pytest.mark.parametrize("part", [0.1, 0.5, 0.95])
def test_truncated_images_are_rejected(part: float) -> None:
    sent = _jpeg(_noise())
    with pytest.raises(InvalidImageError, match="damaged or incomplete"):
        clean_image(sent[: int(len(sent) * part)])


def _png(image: Image.Image) -> bytes:
    output = io.BytesIO()
    image.save(output, format="PNG")
    return output.getvalue()


def _claiming(width: int, height: int) -> bytes:
    """Return a JPEG whose header claims this size, with unchanged data."""
    sent = bytearray(_jpeg(_noise()))
    start = sent.index(b"\xff\xc0") + 5
    sent[start : start + 4] = struct.pack(">HH", height, width)
    return bytes(sent)


def _zip() -> bytes:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb", b"0" * 50_000_000)
    return output.getvalue()


HOSTILE = {
    "HTML that begins as a GIF": b"GIF89a/*" + PAYLOAD + b"*/=1;",
    "a page": b"<html>" + PAYLOAD,
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "JPEG's first bytes and a page": b"\xff\xd8\xff\xe0" + PAYLOAD * 1000,
    "JPEG's first bytes and nothing": b"\xff\xd8\xff" + bytes(1_900_000),
    "PNG's first bytes and a page": b"\x89PNG\r\n\x1a\n" + PAYLOAD * 1000,
    "a zip": _zip(),
    "a PDF": b"%PDF-1.7\n" + PAYLOAD,
    "PNG without its end": _png(_noise())[:-5000],
    "JPEG without its end": _jpeg(_noise())[:-3000],
    "JPEG that claims more than there may be": _claiming(65_000, 65_000),
    "more than may be sent": bytes(3_000_000),
}
POLYGLOTS = {
    "JPEG, then a zip": _jpeg(_noise()) + _zip(),
    "JPEG, then PHP": _jpeg(_noise()) + b"<?php system($_GET[0]); ?>",
    "JPEG with a page in its comment": _jpeg(_noise(), comment=PAYLOAD * 100),
    "PNG, then a page": _png(_noise()) + PAYLOAD,
}


def _cpu_seconds(action: Callable[[], object]) -> float:
    """Return the processor time of this process and its decoding processes during the action."""
    decoders.close()
    before = _used()
    action()
    decoders.close()
    return _used() - before


def _used() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


@pytest.mark.parametrize("name", HOSTILE)
def test_non_image_is_rejected_within_a_second(name: str) -> None:
    def refused() -> None:
        with pytest.raises(InvalidImageError):
            clean_image(HOSTILE[name])

    assert _cpu_seconds(refused) < 1


def test_jpeg_with_missing_data_takes_at_most_a_second() -> None:
    """libjpeg fills the missing part with grey."""
    cleaned: list[bytes] = []
    assert _cpu_seconds(lambda: cleaned.append(clean_image(_claiming(4000, 4000)))) < 1
    assert _opened(cleaned[0]).size == (4000, 4000)


@pytest.mark.parametrize("name", POLYGLOTS)
def test_polyglot_file_is_reduced_to_its_image(name: str) -> None:
    outputs: list[bytes] = []
    assert _cpu_seconds(lambda: outputs.append(clean_image(POLYGLOTS[name]))) < 1
    cleaned = outputs[0]
    assert _opened(cleaned).size == (320, 200)
    assert not [mark for mark in (PAYLOAD, b"<?php", b"PK\x03\x04", b"<script") if mark in cleaned]
    assert not zipfile.is_zipfile(io.BytesIO(cleaned))


def test_largest_image_is_processed_within_a_second() -> None:
    sent, cleaned = _jpeg(Image.new("RGB", (4096, 4096), "white")), list[bytes]()
    assert _cpu_seconds(lambda: cleaned.append(clean_image(sent))) < 1
    assert _opened(cleaned[0]).size == (4096, 4096)
