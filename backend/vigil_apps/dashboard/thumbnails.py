"""Thumbnails of stored images, created on demand and kept in Django's cache."""

import hashlib
import io

from django.core.cache import cache
from PIL import Image

from surveillance import images

SIZE_PIXELS = (480, 480)
QUALITY = 80
KEPT_SECONDS = 3600


def shrink(content: bytes) -> bytes:
    """Return a JPEG that fits into `SIZE_PIXELS`. `content` is a stored, sanitised JPEG."""
    with Image.open(io.BytesIO(content), formats=["JPEG"]) as picture:
        picture.draft("RGB", SIZE_PIXELS)  # decodes at a reduced size, which saves most of the work
        picture.thumbnail(SIZE_PIXELS)
        output = io.BytesIO()
        picture.convert("RGB").save(output, format="JPEG", quality=QUALITY)
    return output.getvalue()


def thumbnail(key: str) -> bytes | None:
    """Return the thumbnail of a stored image, or None if it does not exist. Raises StorageUnavailableError."""
    name = f"thumbnail-{hashlib.sha256(key.encode()).hexdigest()}"
    known: bytes | None = cache.get(name)
    if known is not None:
        return known
    content = images.read(key)
    if content is None:
        return None
    small = shrink(content)
    cache.set(name, small, KEPT_SECONDS)
    return small
