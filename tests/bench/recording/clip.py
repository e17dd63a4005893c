"""The stream of a camera with 1080p at 4 Mbit/s."""

import subprocess
from pathlib import Path

MEGABITS, RATE, CLIP_SECONDS, KEYFRAME_SECONDS = 4, 25, 20, 2


def make_clip(path: Path) -> Path:
    """Write a moving test picture with noise at a constant bit rate."""
    source = f"testsrc2=size=1920x1080:rate={RATE},noise=alls=12:allf=t"
    rate = f"{MEGABITS}M"
    subprocess.run(
        [*("ffmpeg", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", source, "-t", str(CLIP_SECONDS)),
         *("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-bf", "0"),
         *("-threads", "2", "-x264-params", "sliced-threads=0:nal-hrd=cbr:force-cfr=1"),
         *("-g", str(RATE * KEYFRAME_SECONDS)),
         *("-b:v", rate, "-minrate", rate, "-maxrate", rate, "-bufsize", rate, str(path))],
        check=True,
    )  # fmt: skip
    return path
