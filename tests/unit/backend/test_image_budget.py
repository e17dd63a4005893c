"""Limits on decoding an uploaded image: scans, segments, processor time and memory."""

import io
import os
import signal
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from surveillance.core.clean_image import clean_image
from surveillance.core.image_decoder import DecoderUnavailableError, DecodingLimits, ImageDecoder
from surveillance.core.image_parts import MAX_SCANS, MAX_SEGMENTS, InvalidImageError, parts_of

SIZE = (64, 48)
COMMENT = b"\xff\xfe\x00\x04ab"


def _written(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    output = io.BytesIO()
    image.save(output, format=kind, **options)
    return output.getvalue()


def _with_scans(count: int, *, progressive: bool) -> bytes:
    """Return a small JPEG with `count` scans, by repeating the last one."""
    sent = _written(Image.new("RGB", SIZE, "grey"), progressive=progressive)
    first, *scans = sent[:-2].split(b"\xff\xda")
    scans += [scans[-1]] * (count - len(scans))
    return b"\xff\xda".join([first, *scans]) + b"\xff\xd9"


def _png_with_text(chunks: int) -> bytes:
    sent = _written(Image.new("RGB", SIZE), "PNG")
    body = b"Comment\x00a"
    chunk = len(body).to_bytes(4) + b"tEXt" + body + zlib.crc32(b"tEXt" + body).to_bytes(4)
    return sent[:33] + chunk * chunks + sent[33:]


@pytest.fixture
def decoder_with() -> Iterator[Callable[[DecodingLimits], ImageDecoder]]:
    made: list[ImageDecoder] = []

    def make(limits: DecodingLimits) -> ImageDecoder:
        made.append(ImageDecoder(limits))
        return made[-1]

    yield make
    for decoder in made:
        decoder.close()


@pytest.mark.parametrize("progressive", [True, False])
def test_too_many_scans_are_rejected_before_decoding(progressive: bool) -> None:
    sent = _with_scans(MAX_SCANS + 1, progressive=progressive)
    with pytest.raises(InvalidImageError, match=rf"^has more than {MAX_SCANS} scans; send a baseline JPEG$"):
        clean_image(sent)


def test_maximum_number_of_scans_is_decoded() -> None:
    assert Image.open(io.BytesIO(clean_image(_with_scans(MAX_SCANS, progressive=True)))).size == SIZE


def test_scans_of_a_maximum_upload_are_rejected_quickly() -> None:
    """Decoding 60,000 scans takes a minute of CPU time; here they are only counted."""
    sent = _with_scans(60_000, progressive=True)
    assert 500_000 < len(sent) <= 2 * 1024 * 1024
    began = time.thread_time()
    with pytest.raises(InvalidImageError, match="scans"):
        clean_image(sent)
    assert time.thread_time() - began < 0.1


@pytest.mark.parametrize(
    "sent",
    [
        _written(Image.new("RGB", SIZE)).replace(b"\xff\xdb", COMMENT * (MAX_SEGMENTS + 1) + b"\xff\xdb", 1),
        _png_with_text(MAX_SEGMENTS + 1),
    ],
    ids=["JPEG", "PNG"],
)
def test_too_many_segments_are_rejected_before_decoding(sent: bytes) -> None:
    with pytest.raises(InvalidImageError, match=rf"^has more than {MAX_SEGMENTS} segments"):
        clean_image(sent)


@pytest.mark.parametrize("marker", [0xC3, 0xC9, 0xCA])
def test_unsupported_codings_are_rejected(marker: int) -> None:
    sent = _written(Image.new("RGB", SIZE)).replace(b"\xff\xc0", bytes((0xFF, marker)))
    with pytest.raises(InvalidImageError, match="send a baseline or progressive one"):
        clean_image(sent)


def test_jpeg_metadata_is_not_decoded() -> None:
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    options: dict[str, Any] = {"exif": exif, "icc_profile": b"profile" * 20_000, "comment": b"comment"}
    parts = parts_of(_written(Image.new("RGB", SIZE), **options))
    assert (parts.width, parts.height, parts.is_plain) == (*SIZE, True)
    assert Image.open(io.BytesIO(parts.content)).info.keys() <= {
        *("jfif", "jfif_version", "jfif_unit", "jfif_density"),
    }


def test_png_metadata_and_animation_are_not_decoded() -> None:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", "z" * 1000, zip=True)
    frames = [Image.new("RGB", SIZE, "red"), Image.new("RGB", SIZE, "blue")]
    sent = _written(frames[0], "PNG", pnginfo=notes, save_all=True, append_images=frames[1:], icc_profile=b"p" * 100)
    parts = parts_of(sent)
    picture = Image.open(io.BytesIO(parts.content))
    assert {b"acTL", b"zTXt", b"iCCP"} <= {kind for kind in (b"acTL", b"zTXt", b"iCCP") if kind in sent}
    assert picture.info == {}
    assert getattr(picture, "n_frames", 1) == 1
    assert picture.getpixel((0, 0)) == (255, 0, 0)


def test_palette_and_transparency_of_a_png_are_kept() -> None:
    image = Image.new("P", SIZE, 1)
    image.putpalette([0, 0, 0, 0, 200, 0])
    cleaned = Image.open(io.BytesIO(clean_image(_written(image, "PNG", transparency=0))))
    red, green, blue = cleaned.getpixel((5, 5))  # type: ignore[misc]
    assert abs(green - 200) < 5
    assert red + blue < 10


@pytest.mark.parametrize("flipped", [20, 45])
def test_png_with_a_wrong_checksum_is_rejected(flipped: int) -> None:
    sent = bytearray(_written(Image.new("RGB", SIZE), "PNG"))
    sent[flipped] ^= 1
    with pytest.raises(InvalidImageError, match="damaged or incomplete"):
        clean_image(bytes(sent))


@pytest.mark.parametrize(
    "sent", [b"\xff\xd8" + b"\xff" * 2_000_000, b"\xff\xd8\xff\xda" + b"\x00\x02" + b"\xff\x00" * 1_000_000]
)
def test_marker_search_takes_linear_time(sent: bytes) -> None:
    began = time.thread_time()
    with pytest.raises(InvalidImageError):
        parts_of(sent)
    assert time.thread_time() - began < 0.5


def test_slow_image_ends_only_its_own_process(
    decoder_with: Callable[[DecodingLimits], ImageDecoder],
) -> None:
    decoder = decoder_with(DecodingLimits(cpu_seconds=0.05))
    slow = _written(Image.effect_noise((2500, 2500), 60), "PNG")
    began = time.monotonic()
    with pytest.raises(InvalidImageError, match=r"^takes more than 0\.05 s of processor time to decode"):
        decoder.reencode(slow)
    assert time.monotonic() - began < 20
    assert Image.open(io.BytesIO(decoder.reencode(_written(Image.new("RGB", SIZE), "PNG")))).size == SIZE


def test_image_that_needs_too_much_memory_is_rejected(
    decoder_with: Callable[[DecodingLimits], ImageDecoder],
) -> None:
    decoder = decoder_with(DecodingLimits(memory_bytes=64 * 1024 * 1024))
    with pytest.raises(InvalidImageError, match=r"^takes more than 64 MB of memory to decode"):
        decoder.reencode(_written(Image.new("RGB", (4096, 4096)), "PNG"))
    assert Image.open(io.BytesIO(decoder.reencode(_written(Image.new("RGB", SIZE), "PNG")))).size == SIZE


def test_killed_decoder_process_is_not_the_images_fault(
    decoder_with: Callable[[DecodingLimits], ImageDecoder],
) -> None:
    """A detector drops an alert after a 400, but repeats it after a 503."""
    decoder = decoder_with(DecodingLimits())
    picture = _written(Image.new("RGB", SIZE), "PNG")
    decoder.reencode(picture)
    process = decoder._process
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    threading.Timer(0.2, process.kill).start()
    with pytest.raises(DecoderUnavailableError, match="ended with status -9"):
        decoder.reencode(picture)
    assert decoder.reencode(picture)


def test_unresponsive_process_is_killed(decoder_with: Callable[[DecodingLimits], ImageDecoder]) -> None:
    decoder = decoder_with(DecodingLimits(wall_seconds=0.3))
    process = decoder._start_process()
    os.kill(process.pid, signal.SIGSTOP)
    with pytest.raises(DecoderUnavailableError):
        decoder.reencode(_written(Image.new("RGB", SIZE), "PNG"))
    assert process.poll() is not None
