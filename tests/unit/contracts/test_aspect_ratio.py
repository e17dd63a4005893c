"""The display aspect ratio of a camera: accepted texts and their meaning."""

from fractions import Fraction

import pytest
from pydantic import ValidationError

from vigil_contracts.detection import Detection


@pytest.mark.parametrize(
    ("text", "ratio"),
    [
        ("", None),
        ("16:9", Fraction(16, 9)),
        ("9:16", Fraction(9, 16)),
        ("704:576", Fraction(11, 9)),
        ("8:1", Fraction(8)),
        ("1:8", Fraction(1, 8)),
    ],
)
def test_a_ratio_is_width_to_height(text: str, ratio: Fraction | None) -> None:
    assert Detection(display_aspect_ratio=text).display_aspect == ratio


@pytest.mark.parametrize(
    "text",
    ["16/9", "1.78", "16:9 ", "16:9\n", ":9", "16:", "0:9", "16:0", "09:16", "-16:9", "9:1", "1:9", "१६:९", "16:9:1"],
)
def test_invalid_texts_are_rejected_with_the_correct_form(text: str) -> None:
    with pytest.raises(ValidationError, match=r"such as 16:9 or 4:3, between 1:8 and 8:1"):
        Detection(display_aspect_ratio=text)


def test_long_text_is_rejected() -> None:
    with pytest.raises(ValidationError, match="at most 9 characters"):
        Detection(display_aspect_ratio="16000:9000")
