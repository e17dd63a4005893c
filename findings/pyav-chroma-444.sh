#!/usr/bin/env bash
# PyAV 18.1.0: the colour planes of 4:4:4 video are not «chroma».
#
# VideoFormatComponent.is_chroma says whether a component carries colour. It looks at the subsampling only, so it is
# false for both colour components of every format that does not subsample: yuv444p, yuvj444p, nv24, yuv444p10le. Code
# that blanks or blurs the colour of a frame by this property works for the 4:2:0 and 4:2:2 of most cameras and leaves
# the colour of screen captures, WebRTC test sources and H.264 High 4:4:4 as it was. Nothing else tells the colour
# components apart: is_luma is true for the first component only and false for those of gbrp as well.
# Take every component of a YUV format that is neither luma nor alpha.
#
# Seen: colour left after blanking by is_chroma: yuv420p 0, yuv422p 0, nv12 0, yuv444p 112, yuvj444p 112, nv24 112
# Exits non-zero if blanking works for all of them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet av==18.1.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import av
import numpy

RED = numpy.zeros((64, 64, 3), numpy.uint8)
RED[..., 0] = 255


def colour_left(name: str) -> int:
    """Largest distance of a colour sample from neutral after each «chroma» plane of a red frame was set to 128."""
    frame = av.VideoFrame.from_ndarray(RED, format="rgb24").reformat(format=name)
    for component in frame.format.components:
        if component.is_chroma:
            plane = frame.planes[component.plane]
            plane.update(b"\x80" * plane.buffer_size)
    coloured = frame.reformat(format="yuv444p").to_ndarray()
    return int(numpy.abs(coloured[1:].astype(int) - 128).max())


names = ("yuv420p", "yuv422p", "nv12", "yuv444p", "yuvj444p", "nv24")
left = {name: colour_left(name) for name in names}
print("colour left after blanking by is_chroma: " + ", ".join(f"{name} {value}" for name, value in left.items()))
subsampled = all(left[name] <= 2 for name in names[:3])
full = all(left[name] > 50 for name in names[3:])
raise SystemExit(0 if subsampled and full else 1)
PYTHON
