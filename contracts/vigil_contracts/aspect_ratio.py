"""The shape of a camera's image as users set it: width to height as shown, such as 16:9.

The display aspect ratio and not that of a pixel: it is the number that users know, and it is the same for a camera's
main stream and its sub-stream, whose pixels often differ in shape (1920 × 1080 beside 704 × 480).
"""

from fractions import Fraction
from typing import Annotated

from pydantic import AfterValidator, Field

_MOST = 8
"""The widest panorama of a camera is about 4:1; beyond this the numbers are a mistake."""
_PATTERN = r"^([1-9][0-9]{0,3}:[1-9][0-9]{0,3})?$"
_FORM = f"must be width:height of the frame as it is shown, such as 16:9 or 4:3, between 1:{_MOST} and {_MOST}:1"


def parse_aspect_ratio(text: str) -> Fraction | None:
    """Return width divided by height; None for an empty text. Raises ValueError."""
    if not text:
        return None
    width, colon, height = text.partition(":")
    if not colon or not all(part.isascii() and part.isdigit() and 0 < len(part) <= 4 for part in (width, height)):
        raise ValueError(_FORM)
    if "0" in {width[0], height[0]}:
        raise ValueError(_FORM)
    ratio = Fraction(int(width), int(height))
    if not Fraction(1, _MOST) <= ratio <= _MOST:
        raise ValueError(_FORM)
    return ratio


def _check(text: str) -> str:
    parse_aspect_ratio(text)
    return text


AspectRatio = Annotated[str, Field(max_length=9, json_schema_extra={"pattern": _PATTERN}), AfterValidator(_check)]
"""Width to height, such as `16:9`; empty where it is not set."""
