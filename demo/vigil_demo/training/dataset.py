"""Render the training and validation images into a folder, in Ultralytics' layout."""

import multiprocessing
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import yaml

from vigil_demo.compression import through_h264
from vigil_demo.scene.stills import stills
from vigil_demo.scene.types import LABELS, Picture, Truth

PICTURES_PER_YARD = 4
FIRST_SEED = {"train": 0, "val": 1_000_000, "test": 2_000_000}
"""Each split has its own yards, lights and cameras."""
_H264_SHARE = 0.4


@dataclass(frozen=True)
class _Job:
    folder: Path
    split: str
    seed: int
    pictures: int


def label_lines(truths: tuple[Truth, ...]) -> str:
    """Return lines `class x_centre y_centre width height`, in fractions of the image."""
    lines = []
    for truth in truths:
        x1, y1, x2, y2 = truth.box
        numbers = ((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1)
        lines.append(f"{LABELS.index(truth.label)} " + " ".join(f"{number:.6f}" for number in numbers))
    return "\n".join(lines) + ("\n" if lines else "")


def rendered_frames(seed: int, number: int) -> list[Picture]:
    """Return the images of one seed, some of them after H.264 compression."""
    rng = np.random.default_rng([seed, 3])
    result = []
    for picture in stills(seed, number):
        coarse = rng.random() < _H264_SHARE
        crf = int(rng.integers(20, 36))
        result.append(Picture(through_h264(picture.image, crf), picture.truths) if coarse else picture)
    return result


def _render(job: _Job) -> int:
    cv2.setNumThreads(1)
    if (job.folder / "labels" / job.split / f"{job.seed:07d}-{job.pictures - 1}.txt").exists():
        return job.pictures  # rendered by an interrupted run: its content depends only on the seed
    for number, picture in enumerate(rendered_frames(job.seed, job.pictures)):
        name = f"{job.seed:07d}-{number}"
        target = job.folder / "images" / job.split / f"{name}.jpg"
        written = cv2.imwrite(str(target), picture.image, [cv2.IMWRITE_JPEG_QUALITY, 97])
        if not written:
            raise OSError(f"{target}: cannot be written")
        (job.folder / "labels" / job.split / f"{name}.txt").write_text(label_lines(picture.truths))
    return job.pictures


def render_dataset(folder: Path, yards: dict[str, int], workers: int) -> Path:
    """Render `yards[split]` yards of each split; return the `data.yaml`. A finished data set is reused."""
    description = folder / "data.yaml"
    recipe = {"yards": yards, "pictures_per_yard": PICTURES_PER_YARD, "first_seed": FIRST_SEED}
    if description.exists() and yaml.safe_load(description.read_text()).get("recipe") == recipe:
        return description
    jobs = []
    for split, number in yards.items():
        for kind in ("images", "labels"):
            (folder / kind / split).mkdir(parents=True, exist_ok=True)
        jobs += [_Job(folder, split, FIRST_SEED[split] + step, PICTURES_PER_YARD) for step in range(number)]
    from ultralytics.utils import TQDM

    context = multiprocessing.get_context("spawn")
    with (
        context.Pool(workers) as pool,
        TQDM(total=len(jobs) * PICTURES_PER_YARD, desc="rendering", unit="picture") as bar,
    ):
        for done in pool.imap_unordered(_render, jobs):
            bar.update(done)
    content = {
        "path": str(folder),
        "train": "images/train",
        "val": "images/val",
        "names": dict(enumerate(LABELS)),
        "recipe": recipe,
    }
    description.write_text(yaml.safe_dump(content, sort_keys=False))
    return description


def part_of(data: Path, training_yards: int) -> Path:
    """Return a `data.yaml` with only the first yards of the training split, and the whole validation split."""
    content = yaml.safe_load(data.read_text())
    first = FIRST_SEED["train"]
    names = [
        f"./images/train/{seed:07d}-{number}.jpg"
        for seed in range(first, first + training_yards)
        for number in range(PICTURES_PER_YARD)
    ]
    (data.parent / f"train-{training_yards}.txt").write_text("\n".join(names) + "\n")
    target = data.with_name(f"data-{training_yards}.yaml")
    target.write_text(yaml.safe_dump({**content, "train": f"train-{training_yards}.txt"}, sort_keys=False))
    return target
