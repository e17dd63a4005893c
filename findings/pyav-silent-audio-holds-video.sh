#!/usr/bin/env bash
# PyAV 18.1.0 (libav 8): a second track without packets keeps up to ten seconds of video out of a fragmented MP4.
#
# Fragmented MP4 with short fragments is chosen so that a recorder that is killed loses little. mux() sorts the packets
# of all tracks by time: while one track has delivered nothing, for example because the camera's microphone is off or the
# audio starts late, the packets of the other wait in memory, whatever frag_duration and flush_packets say, until they
# span max_interleave_delta, 10 s. A kill in this time loses all of it. PyAV has no call that writes at once: mux_one()
# sorts in the same way. Set the container option max_interleave_delta, or fill the silent track.
#
# Seen: seconds of video on disk after 9 s: 8.5 (video only), 0.0 (with a silent track), 8.0 (max_interleave_delta 0.5 s)
# Exits non-zero if the silent track makes no difference.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet av==18.1.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import shutil
from fractions import Fraction

import av
import numpy

RATE = 10
SECONDS = 9


def on_disk(name: str, with_audio: bool, **more: str) -> float:
    """Seconds of video that a player finds in a copy of the file that is still being written."""
    options = {"movflags": "empty_moov+default_base_moof", "frag_duration": "500000", "flush_packets": "1", **more}
    container = av.open(f"{name}.mp4", "w", format="mp4", options=options)
    video = container.add_stream("mpeg4", rate=RATE)
    video.width = video.height = 64
    video.pix_fmt = "yuv420p"
    video.codec_context.gop_size = 5
    video.codec_context.max_b_frames = 0
    if with_audio:
        container.add_stream("aac", rate=48000)
    for number in range(SECONDS * RATE):
        picture = numpy.full((64, 64, 3), number, numpy.uint8)
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = number, Fraction(1, RATE)
        for packet in video.encode(frame):
            container.mux_one(packet)
    shutil.copy(f"{name}.mp4", f"{name}-copy.mp4")
    container.close()
    try:
        with av.open(f"{name}-copy.mp4") as copy:
            return sum(1 for packet in copy.demux(video=0) if packet.size) / RATE
    except av.error.FFmpegError:
        return 0.0


alone = on_disk("alone", False)
silent = on_disk("silent", True)
bounded = on_disk("bounded", True, max_interleave_delta="500000")
print(
    f"seconds of video on disk after {SECONDS} s: {alone} (video only), {silent} (with a silent track), "
    f"{bounded} (max_interleave_delta 0.5 s)"
)
raise SystemExit(0 if alone > 7 and silent < 1 and bounded > 6 else 1)
PYTHON
