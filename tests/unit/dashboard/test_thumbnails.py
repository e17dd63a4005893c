"""Thumbnails keep the aspect ratio."""

import io

import pytest
from PIL import Image

from vigil_apps.dashboard.thumbnails import SIZE_PIXELS, shrink


def jpeg(width: int, height: int) -> bytes:
    output = io.BytesIO()
    Image.new("RGB", (width, height), (20, 90, 160)).save(output, format="JPEG")
    return output.getvalue()


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (720, 1280), (320, 240), (4096, 64)])
def test_thumbnail_fits_and_is_never_enlarged(width: int, height: int) -> None:
    with Image.open(io.BytesIO(shrink(jpeg(width, height)))) as small:
        assert small.format == "JPEG"
        assert max(small.size) == min(max(width, height), max(SIZE_PIXELS))
        assert small.width / small.height == pytest.approx(width / height, rel=0.1)
