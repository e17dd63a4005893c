"""Serve parts of a file, as video players request them (RFC 9110, section 14)."""

import re
import sys

from django.http import HttpResponse

_ONE_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)")


def ranged_response(content: bytes, asked: str, *, content_type: str, headers: dict[str, str]) -> HttpResponse:
    """Return 206 with the requested range, 416 if it lies beyond the end, otherwise 200 with everything."""
    headers = {**headers, "Accept-Ranges": "bytes"}
    found = _ONE_RANGE.fullmatch(asked.strip())
    if found is None or found[0] == "bytes=-":
        return HttpResponse(content, content_type=content_type, headers=headers)
    size = len(content)
    first = _position(found[1]) if found[1] else max(0, size - _position(found[2]))
    last = min(_position(found[2]), size - 1) if found[1] and found[2] else size - 1
    if first > last:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes"})
    headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    return HttpResponse(content[first : last + 1], status=206, content_type=content_type, headers=headers)


def _position(digits: str) -> int:
    """Return the number, limited to a value beyond any file's end."""
    significant = digits.lstrip("0") or "0"
    return int(significant) if len(significant) < len(str(sys.maxsize)) else sys.maxsize
