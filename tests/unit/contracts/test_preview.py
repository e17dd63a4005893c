"""The box with the preview of a segment."""

import pytest

from vigil_contracts.preview import HEAD_BYTES, MAX_BYTES, preview_box, preview_box_size, preview_in

JPEG = b"\xff\xd8picture\xff\xd9"


def test_a_preview_is_found_at_the_end_of_a_file() -> None:
    box = preview_box(JPEG)
    assert preview_box_size(box[:HEAD_BYTES]) == len(box)
    assert preview_in(box) == preview_in(b"video" * 100 + box) == JPEG


@pytest.mark.parametrize(
    "end",
    [b"", b"abc", bytes(4), b"\xff" * 64, preview_box(JPEG)[1:], preview_box(JPEG) + b"x", bytes(60) + b"\0\0\0\x20"],
)
def test_other_ends_have_none(end: bytes) -> None:
    assert preview_in(end) is None


def test_a_picture_that_is_too_large_is_left_out() -> None:
    assert preview_box(bytes(MAX_BYTES)) == preview_box(b"") == b""
    assert len(preview_box(bytes(MAX_BYTES - HEAD_BYTES - 4))) == MAX_BYTES
