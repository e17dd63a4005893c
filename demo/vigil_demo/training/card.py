"""Write the model card, and the same figures as JSON for the test that checks them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vigil_demo.scene.types import LABELS
from vigil_demo.training.evaluate import Evaluation
from vigil_demo.training.metrics import Figures

CARD_NAME = "MODEL_CARD.md"
FIGURES_NAME = "evaluation.json"


@dataclass(frozen=True)
class Making:
    """How the model was trained."""

    command: str
    architecture: str
    input_size_px: int
    precision: str
    trained: str
    """Duration and data of the training."""
    test_seeds: str
    confidences: tuple[float, ...]
    """The confidence that calibration mapped to 0.5, for each class."""
    versions: str


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_card(folder: Path, making: Making, held_out: Evaluation, story: Evaluation) -> None:
    """Write `MODEL_CARD.md` and `evaluation.json` beside the model in `folder`."""
    files = {file.name: sha256(file) for file in sorted((*folder.glob("*.xml"), *folder.glob("*.bin")))}
    content: dict[str, Any] = {"held_out": held_out.as_dict(), "story": story.as_dict(), "sha256": files}
    (folder / FIGURES_NAME).write_text(json.dumps(content, indent=2) + "\n")
    digests = "\n".join(f"| `{name}` | `{digest}` |" for name, digest in files.items())
    (folder / CARD_NAME).write_text(
        f"""# Model card: the Vigil demo model

{making.architecture}, four classes (person, vehicle, fire, smoke), {making.input_size_px} × {making.input_size_px}
pixels, OpenVINO {making.precision}. It was trained from random weights on pictures that Vigil renders itself
(`demo/vigil_demo/scene`); no photograph and no weights of others went into it.

**What it is for:** `make run` works out of the box, and tests have a model, with nothing to download.
**What it is not for:** real cameras. It knows the rendered demo yard and its like, and nothing else. A real camera
needs a model that was trained on photographs, such as `yolov8n`.

## Measured

Precision and recall are those at confidence {held_out.confidence} and IoU 0.5; AP50 is the area under the curve of
precision over recall. Both sets were run through the detector's own OpenVINO runtime.

### Held-out yards: {held_out.pictures} pictures of yards, lights, weathers and cameras that no training saw

Random people, vehicles, fires and props in sun, rain, fog, dusk and night, some in black and white, blurred or
coarsely compressed.

Clear objects, of which at least half can be seen and which are at least 24 pixels high in the 360 of the picture
(less clear ones are left out of this table, found or not):

{_table(held_out.clear)}

All objects, down to 5 pixels or 30 % visible:

{_table(held_out.classes)}

### The demo clip: {story.pictures} pictures of the demo camera's story, decoded from H.264

{_table(story.classes)}

The demo yard is none of the training's yards.

## How it was made

`{making.command}`

- Trained for {making.trained}.
- Scores calibrated on the validation split, so that 0.5 balances precision and recall: {_calibration(making)}.
- Test seeds {making.test_seeds}.
- {making.versions}.

The pictures follow from their seeds alone. Training with a limit of time is not repeatable to the bit: another
machine gets through another number of epochs.

## Files

| file | SHA-256 |
| --- | --- |
{digests}

Licence: AGPL-3.0, as Vigil's and that of Ultralytics' YOLOv8, with whose code it was trained.
"""
    )


def _calibration(making: Making) -> str:
    pairs = zip(LABELS, making.confidences, strict=True)
    return ", ".join(f"{label} (was {confidence:.2f})" for label, confidence in pairs)


def _table(classes: Mapping[str, Figures]) -> str:
    rows = [
        f"| {label} | {row.objects} | {f'{row.precision:.3f}' if row.detections else '–'} | {row.recall:.3f} "
        f"| {row.average_precision:.3f} |"
        for label, row in classes.items()
    ]
    mean = sum(row.average_precision for row in classes.values()) / len(classes)
    head = ["| class | objects | precision | recall | AP50 |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([*head, *rows, f"| mean | | | | {mean:.3f} |"])
