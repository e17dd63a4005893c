"""Render HLS playlists of recordings (RFC 8216). Pure.

Each file begins with its own initialisation segment, so that it also plays alone. A playlist names the one of
the first file and skips those of the others, by byte ranges. Times in the files are the time of day, so segments of
one span need no discontinuity; after a gap or a change of format there is one.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from vigil_apps.recordings.core.instants import instant
from vigil_apps.recordings.core.timeline import ADJACENT_MS

LONGEST_SHOWN_GAP_MS = 60_000
"""A shorter gap keeps its length in the player (EXT-X-GAP); a longer one is skipped, like a tape that was stopped."""


@dataclass(frozen=True, slots=True)
class Item:
    """One segment of a playlist."""

    start_ms: int
    duration_ms: int
    size_bytes: int
    init_id: str
    init_bytes: int
    has_audio: bool = False

    @property
    def end_ms(self) -> int:
        """Return its end."""
        return self.start_ms + self.duration_ms


def of_same_tracks(items: Iterable[Item]) -> list[Item]:
    """Return the first items: up to where audio begins or ends, since hls.js plays a playlist with it or without."""
    found: list[Item] = []
    for item in items:
        if found and item.has_audio != found[0].has_audio:
            break
        found.append(item)
    return found


def media_playlist(items: Sequence[Item], url_of: Callable[[int], str]) -> str:
    """Return the playlist of the segments, in order. `url_of` returns the URL of the segment with that start."""
    target = max((math.ceil(item.duration_ms / 1000) for item in items), default=4)
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{target}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
    ]
    for former, item in pairwise([None, *items]):
        assert item is not None
        is_continued = former is not None and abs(item.start_ms - former.end_ms) <= ADJACENT_MS
        if former is not None and not is_continued:
            lines += _gap(former.end_ms, item.start_ms, target)
        if former is not None and not (is_continued and item.init_id == former.init_id):
            lines.append("#EXT-X-DISCONTINUITY")
        if former is None or item.init_id != former.init_id:
            lines.append(f'#EXT-X-MAP:URI="{url_of(item.start_ms)}",BYTERANGE="{item.init_bytes}@0"')
        lines += [
            f"#EXT-X-PROGRAM-DATE-TIME:{instant(item.start_ms)}",
            f"#EXTINF:{item.duration_ms / 1000:.3f},",
            f"#EXT-X-BYTERANGE:{item.size_bytes - item.init_bytes}@{item.init_bytes}",
            url_of(item.start_ms),
        ]
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def _gap(start_ms: int, end_ms: int, target_seconds: int) -> Iterator[str]:
    """Yield a short gap as segments that do not exist, none longer than the target duration."""
    if not 0 < end_ms - start_ms <= LONGEST_SHOWN_GAP_MS:
        return
    count = math.ceil((end_ms - start_ms) / (target_seconds * 1000))
    edges = [start_ms + (end_ms - start_ms) * number // count for number in range(count + 1)]
    yield "#EXT-X-DISCONTINUITY"
    for begin, end in pairwise(edges):
        yield "#EXT-X-GAP"
        yield f"#EXT-X-PROGRAM-DATE-TIME:{instant(begin)}"
        yield f"#EXTINF:{(end - begin) / 1000:.3f},"
        yield "gap.mp4"
