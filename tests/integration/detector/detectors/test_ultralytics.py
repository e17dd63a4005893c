"""Features that need `ultralytics` and torch, in a separate environment: exports and prompts."""

import hashlib
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.integration.detector.clips import frames_of
from tests.integration.services.kept_inputs import kept
from tests.integration.services.made_clips import make_clip

from cctv.detectors.loader import load_model

ROOT = Path(__file__).parents[4]
PYTHON = ROOT / ".venvs" / "ultralytics" / "bin" / "python"

MAKE_WEIGHTS = """
import torch
from ultralytics import YOLO
torch.manual_seed(1)
network = YOLO("yolov8n.yaml")
# Nothing was learnt: the first class is made to answer to what it sees by chance.
for branch in network.model.model[-1].cv3:
    branch[-1].weight.data[0] *= 60
    branch[-1].bias.data[0] = 0.0
network.save("yolov8n.pt")
network = YOLO("yolov8s-worldv2.yaml")
network.save("yolov8s-worldv2.pt")
words = ["fire", "person lying on the floor"]
network.model.txt_feats = torch.nn.functional.normalize(torch.randn(1, len(words), 512), dim=-1)
network.model.model[-1].nc = len(words)
network.model.names = dict(enumerate(words))
network.save("with-prompts.pt")
"""
"""Write untrained weights of two architectures, and of the second one saved with its prompts."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(not PYTHON.exists(), reason="bash tools/setup.sh .venvs/ultralytics locks/ultralytics.txt"),
]

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run Python in the environment of ultralytics."""
    folder = tmp_path_factory.mktemp("models")
    environment = {
        **os.environ,
        "YOLO_OFFLINE": "true",
        "VIGIL_MODEL_DIR": str(folder),
        "CUDA_VISIBLE_DEVICES": "",
    }

    def run_python(*words: str | Path, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        command = [str(PYTHON), *map(str, words)]
        return subprocess.run(
            command, env=environment, cwd=folder, capture_output=True, text=True, check=False, timeout=300
        )

    return run_python


@pytest.fixture(scope="module")
def weights(run: Run) -> Callable[[str], tuple[Path, str]]:
    """Return the weights of this name in `MAKE_WEIGHTS` and their SHA-256."""

    def make(folder: Path) -> None:
        done = run("-c", MAKE_WEIGHTS, folder=folder)
        assert done.returncode == 0, done.stderr[-2000:]

    kept_folder = kept("untrained-weights", [Path(__file__), ROOT / "locks" / "ultralytics.txt"], make)

    def of(name: str) -> tuple[Path, str]:
        path = kept_folder / f"{name}.pt"
        return path, hashlib.sha256(path.read_bytes()).hexdigest()

    return of


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds, 40 frames."""
    return make_clip(tmp_path_factory.mktemp("clips") / "yard.mp4")


def test_weights_are_exported_to_int8_without_torch_at_run_time(
    run: Run, weights: Callable[[str], tuple[Path, str]], clip: Path, tmp_path: Path
) -> None:
    path, sha256 = weights("yolov8n")
    target = tmp_path / "yard_int8_openvino_model"
    words = (path, "--sha256", sha256, "--calibrate", clip, "--size", "96", "--to", target, "--output", "json")
    done = run("-m", "cctv", "export", *words, "--least-agreement", "0")
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout)
    assert report["calibrated_on"] == 32
    assert report["agreement"]["pictures"] == 8
    assert report["agreement"]["before"] > 0
    assert 0.0 < report["share"] <= 1.0
    assert "looking, after" in done.stderr, "progress is shown"
    assert not list(tmp_path.glob("**/*.pt")), "no pickle is left beside it"
    exported = load_model(target)
    try:
        assert exported.input_size == (96, 96)
        assert exported.labels == tuple(str(number) for number in range(80)), "as its weights call them"
        found = exported.detect(next(frames_of(clip)))
        assert set(np.unique(found.class_ids)) <= {0}
    finally:
        exported.close()
    assert str(path.parent) not in (target / "metadata.yaml").read_text()

    again = run("-m", "cctv", "export", *words, "--pictures", "10", "--least-agreement", "1.1")
    assert again.returncode == 2
    assert "cctv export: the export agrees with its weights in" in again.stderr
    assert (target / "metadata.yaml").is_file(), "the former model stays"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "a .pt file can run any code when it is loaded, so it needs its SHA-256 pinned"),
        (("--sha256", "0" * 64), "not the pinned 0000"),
    ],
)
def test_weights_without_a_pinned_hash_are_never_loaded(
    run: Run, weights: Callable[[str], tuple[Path, str]], clip: Path, words: tuple[str, ...], message: str
) -> None:
    path, _ = weights("yolov8n")
    done = run("-m", "cctv", "export", path, "--calibrate", clip, *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stdout == ""


def test_an_engine_needs_a_gpu(run: Run, weights: Callable[[str], tuple[Path, str]], clip: Path) -> None:
    path, sha256 = weights("yolov8n")
    done = run("-m", "cctv", "export", path, "--sha256", sha256, "--calibrate", clip, "--format", "tensorrt")
    assert done.returncode == 2
    assert "an engine is built on the NVIDIA GPU that runs it; there is none here" in done.stderr


LOAD_WITH_PROMPTS = """
import sys
from cctv.detectors.errors import ModelInvalidError
from cctv.detectors.loader import load_model
try:
    load_model(sys.argv[1], sha256=sys.argv[2], prompts=("fire", "person lying on the floor"))
except ModelInvalidError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("yolov8s-worldv2", "`prompts` need CLIP"),
        ("yolov8n", "is no open-vocabulary model; `prompts` need one such as yolov8s-worldv2.pt"),
    ],
)
def test_prompts_without_clip_report_what_is_missing(
    run: Run, weights: Callable[[str], tuple[Path, str]], name: str, message: str
) -> None:
    """CLIP is in no lock file because it is not on the package index, and nothing is downloaded silently."""
    path, sha256 = weights(name)
    done = run("-c", LOAD_WITH_PROMPTS, path, sha256)
    assert message in done.stdout, done.stderr[-2000:]


LOOK_WITH_PROMPTS = """
import sys
from datetime import UTC, datetime
import numpy as np
from cctv.detectors.loader import load_model
from cctv.common.frame import Frame
model = load_model(sys.argv[1], sha256=sys.argv[2], prompts=("fire", "person lying on the floor"))
frame = Frame.from_bgr(np.zeros((96, 160, 3), np.uint8), datetime.now(UTC), 0.0, 0)
print(model.labels, len(model.detect(frame)))
model.close()
"""


def test_a_model_that_was_saved_with_its_prompts_needs_no_clip(
    run: Run, weights: Callable[[str], tuple[Path, str]]
) -> None:
    saved, sha256 = weights("with-prompts")
    looked = run("-c", LOOK_WITH_PROMPTS, saved, sha256)
    assert "('fire', 'person lying on the floor')" in looked.stdout, looked.stderr[-2000:]
