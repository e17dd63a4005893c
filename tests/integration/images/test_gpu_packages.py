"""What the build of the GPU image leaves of its packages still works, as far as a machine without a GPU can tell."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tools.image_sizes import ENVIRONMENT, OUTPUT, PROFILE, measure, pruned_copy, total_bytes

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("gpu-packages"),
    pytest.mark.skipif(
        not ENVIRONMENT.exists(), reason="bash tools/setup.sh .venvs/ultralytics locks/ultralytics.txt"
    ),
]
LINKED = (
    "torch/lib/*.so*",
    "torch/*.so",
    "torchvision/*.so",
    "nvidia/*/lib/*.so*",
    "openvino/libs/*.so*",
    "cv2/*.so",
)


@pytest.fixture(scope="module")
def folders() -> Iterator[tuple[Path, Path]]:
    """The environment's site-packages, and what the image holds of it."""
    with pruned_copy(ENVIRONMENT, PROFILE) as both:
        yield both


def run_in(packages: Path, code: str, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run Python with `packages` in place of the environment's own site-packages."""
    command = [str(ENVIRONMENT / "bin" / "python"), "-S", "-c", f"{_USE_PACKAGES}{code}", str(packages), *words]
    return subprocess.run(
        command, env={**os.environ, **settings}, capture_output=True, text=True, check=False, timeout=200
    )


def missing_libraries(packages: Path) -> set[tuple[str, str]]:
    """Return pairs of a library and one that it is linked to and that the loader does not find."""
    files = sorted({file for pattern in LINKED for file in packages.glob(pattern) if not file.is_symlink()})
    assert len(files) > 50
    done = subprocess.run(["ldd", *map(str, files)], check=True, capture_output=True, text=True)
    found = set()
    library = ""
    for line in done.stdout.splitlines():
        if not line.startswith("\t"):
            library = line.rstrip(":").removeprefix(f"{packages}/")
        elif "=> not found" in line:
            found.add((library, line.split()[0]))
    return found


def test_pruning_takes_no_library_that_another_is_linked_to(folders: tuple[Path, Path]) -> None:
    """Some are missing before: the driver's, which come from the node, and those of InfiniBand and MPI."""
    original, pruned = folders
    assert missing_libraries(pruned) - missing_libraries(original) == set()


def test_sizes_are_as_recorded(folders: tuple[Path, Path]) -> None:
    """Wheels for other versions of Python differ a little."""
    measured, recorded = measure(*folders, PROFILE), json.loads(OUTPUT.read_text())
    assert total_bytes(measured, "kept_bytes") == pytest.approx(total_bytes(recorded, "kept_bytes"), rel=0.01)


def test_opencv_can_be_imported_alone(folders: tuple[Path, Path]) -> None:
    """It shares PyAV's FFmpeg; the process that quantises models imports OpenCV and not PyAV."""
    code = "import cv2, numpy; print(cv2.resize(numpy.zeros((4, 4)), (2, 2)).shape)"
    with pruned_copy(ENVIRONMENT, "openvino-cpu") as (_, packages):
        results = [run_in(each, code) for each in (packages, folders[1])]
    assert [done.stdout for done in results] == ["(2, 2)\n"] * 2, results[0].stderr[-2000:]


def test_detection_works_with_what_is_left(folders: tuple[Path, Path], tmp_path: Path) -> None:
    done = run_in(folders[1], _DETECT, str(tmp_path), YOLO_CONFIG_DIR=str(tmp_path), CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "boxes kept 2, ultralytics cpu float32, openvino cpu, decoded 3" in done.stdout


_USE_PACKAGES = """
import site, sys
site.addsitedir(sys.argv[1])
"""
_DETECT = """
import hashlib, io
from datetime import UTC, datetime
from pathlib import Path
import av, numpy as np, torch, torchvision
from cctv.common.frame import Frame
from cctv.detectors.loader import load_model
from cctv.detectors.ultralytics_runtime import import_ultralytics

assert torch.__file__.startswith(sys.argv[1])
assert torch.backends.cudnn.version() > 90000, "libcudnn.so loads libcudnn_graph.so for it"
boxes = torch.tensor([[0.0, 0.0, 9.0, 9.0], [0.0, 0.0, 9.0, 8.9], [20.0, 20.0, 30.0, 30.0]])
kept = len(torchvision.ops.nms(boxes, torch.tensor([0.9, 0.8, 0.7]), 0.5))

weights = Path(sys.argv[2]) / "tiny.pt"
import_ultralytics(weights)[1].YOLO("yolov8n.yaml").save(weights)
frame = Frame.from_bgr(np.zeros((360, 640, 3), np.uint8), datetime.now(UTC), 0.0, 0)
sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
by_torch = load_model(weights, runtime="ultralytics", device="cpu", sha256=sha256)
by_torch.detect(frame)
by_openvino = load_model("demo", runtime="openvino")
by_openvino.detect(frame)

written = io.BytesIO()
with av.open(written, "w", format="mp4") as container:
    stream = container.add_stream("libx264", rate=5)
    stream.height, stream.width = 360, 640
    for _ in range(3):
        container.mux(stream.encode(av.VideoFrame.from_ndarray(frame.bgr(), format="bgr24")))
    container.mux(stream.encode(None))
written.seek(0)
with av.open(written) as container:
    decoded = sum(1 for _ in container.decode(video=0))
print(
    f"boxes kept {kept}, ultralytics {by_torch.info.device} {by_torch.info.precision},"
    f" openvino {by_openvino.info.device}, decoded {decoded}"
)
"""
