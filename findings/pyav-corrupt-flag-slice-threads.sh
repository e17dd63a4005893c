#!/usr/bin/env bash
# PyAV 18.1.0 (FFmpeg libavcodec 62.28.102): with its default threading, a damaged H.264 frame is not marked.
#
# VideoFrame.is_corrupt is true for a frame that lost one of its slices if the decoder runs with one thread or with
# frame threads. With slice threads, which is PyAV's default thread_type, the same frame comes out without the mark.
# A program that skips damaged frames must set thread_count = 1 or thread_type = "FRAME".
#
# Seen: NONE [5], SLICE [], FRAME [5] (the numbers of the marked frames; frame 5 lost a slice). Exits non-zero if that
# changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet av==18.1.0 numpy
"$folder/venv/bin/python" - <<'PYTHON'
from fractions import Fraction

import av
import numpy as np

encoder = av.CodecContext.create("libx264", "w")
encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 64, 64, "yuv420p", Fraction(1, 10)
encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": "slices=4:sliced-threads=0"}
packets = []
for seed in range(12):
    noise = np.random.default_rng(seed).integers(0, 255, (64, 64, 3), np.uint8)
    packets += [bytes(packet) for packet in encoder.encode(av.VideoFrame.from_ndarray(noise, format="rgb24"))]
packets += [bytes(packet) for packet in encoder.encode(None)]

marked = {}
for kind, count in (("NONE", 1), ("SLICE", 2), ("FRAME", 2)):
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count, decoder.thread_type = count, kind
    frames = []
    for number, data in enumerate(packets):
        lost_one = data[: data.rindex(b"\0\0\1")]
        frames += decoder.decode(av.Packet(lost_one if number == 5 else data))
    frames += decoder.decode(None)
    assert len(frames) == 12
    marked[kind] = [number for number, frame in enumerate(frames) if frame.is_corrupt]
print(av.__version__, av.library_versions["libavcodec"], marked)
assert marked == {"NONE": [5], "SLICE": [], "FRAME": [5]}
PYTHON
