"""`cctv replay clip.mp4 --rules rules.yaml`: run the detector's analysis on a file, as fast as possible.

Rules can be tuned with it before they are used. Prints the events as a table or JSON and can write an annotated clip
in which the object of every event is boxed.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import av
import yaml
from pydantic import ValidationError
from tqdm import tqdm

from cctv.common.events import Event
from cctv.common.frame import Frame, pixel_aspect_of
from cctv.detectors.errors import ModelInvalidError
from cctv.detectors.loader import load_model
from cctv.detectors.model import Model
from cctv.detectors.several import as_one
from cctv.vision.analyser import Analyser
from vigil_contracts.camera import CameraConfiguration
from vigil_contracts.detection import Detection

SHOWN_SECONDS = 2.0
"""How long an event stays visible in the annotated video."""


class ReplayError(Exception):
    """The clip or the rules cannot be used; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An event and its position in the clip."""

    seconds: float
    event: Event

    def row(self) -> dict[str, Any]:
        """Return the event for the output."""
        event = self.event
        return {
            "seconds": round(self.seconds, 2),
            "type": event.alert_type.value,
            "label": event.label,
            "confidence": event.confidence,
            "rule": event.rule,
            "zone": event.zone,
            "zone_seconds": event.zone_seconds,
            "track": event.track,
            "description": event.description,
            "box": event.box._asdict() if event.box else None,
        }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("clip", type=Path, help="a video file")
    parser.add_argument("--rules", type=Path, metavar="FILE", help="YAML with a camera's `detection` settings")
    parser.add_argument("--model", default="", metavar="NAME", help="path or name; default: what the rules name")
    parser.add_argument(
        "--sha256", default=None, metavar="HEX", help="what the model file must be; .pt files need it"
    )
    parser.add_argument("--start", type=_moment, default=None, metavar="TIME", help="when the clip began, ISO 8601")
    parser.add_argument("--output", choices=("table", "json"), default="table", help="how the events are printed")
    parser.add_argument("--video", type=Path, metavar="FILE", help="write the clip with the events drawn into it")
    parser.add_argument("--snapshots", type=Path, metavar="FOLDER", help="write each event's image")


def main(arguments: argparse.Namespace) -> int:
    """Run a replay; return the exit status."""
    try:
        detection = read_rules(arguments.rules)
        if arguments.model:
            detection = detection.model_copy(update={"model": arguments.model, "models": ()})
        models = _load(detection, arguments.sha256)
        model = as_one(models)
        try:
            seen = replay(arguments.clip, detection, model, start=arguments.start)
            if arguments.video is not None:
                write_video(arguments.clip, arguments.video, detection, seen)
        finally:
            for loaded in models:
                loaded.close()
    except (ReplayError, ModelInvalidError) as error:
        print(f"cctv replay: {error}", file=sys.stderr)
        return 2
    if arguments.snapshots is not None:
        arguments.snapshots.mkdir(parents=True, exist_ok=True)
        for one in seen:
            name = f"{one.seconds:08.2f}-{one.event.alert_type.value}-{one.event.track}.jpg"
            (arguments.snapshots / name).write_bytes(one.event.snapshot_jpeg)
    print(json.dumps([one.row() for one in seen], indent=2) if arguments.output == "json" else table(seen))
    return 0


def _load(detection: Detection, sha256: str | None) -> list[Model]:
    """Load the models that the rules name; the hash is that of the `.pt` file among them."""
    several = len(detection.chosen_models) > 1
    return [
        load_model(
            one.model, sha256=None if several and not one.model.endswith(".pt") else sha256, prompts=one.prompts
        )
        for one in detection.chosen_models
    ]


def read_rules(path: Path | None) -> Detection:
    """Read a camera's detection settings from YAML, with the API's validation. Raises `ReplayError`."""
    if path is None:
        return Detection()
    try:
        return Detection.model_validate(yaml.safe_load(path.read_text()) or {})
    except (OSError, yaml.YAMLError) as error:
        raise ReplayError(f"{path}: cannot be read: {error}") from error
    except ValidationError as error:
        problems = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()]
        raise ReplayError(f"{path}: " + "; ".join(problems)) from error


def replay(clip: Path, detection: Detection, model: Model, *, start: datetime | None = None) -> list[Seen]:
    """Return all events of a clip; shows a progress bar on stderr. Raises `ReplayError`."""
    camera = CameraConfiguration.model_validate(
        {"id": 1, "name": clip.name, "rtsp_url": "rtsp://file", "revision": "", "detection": detection.model_dump()}
    )
    analyser = Analyser(camera, model)
    began = start or datetime.now(UTC)
    seen: list[Seen] = []
    due = 0.0
    pixel_aspect = _pixel_aspect(clip, detection)
    for sequence, picture in enumerate(_pictures(clip, "analysing")):
        seconds = float(picture.time or 0.0)
        if seconds < due - 1e-6:
            continue
        due = max(due + 1 / detection.frames_per_second, seconds)
        frame = Frame.from_av(picture, began + timedelta(seconds=seconds), seconds, sequence, pixel_aspect)
        seen += [Seen(seconds, event) for event in analyser.process(frame)]
    return seen


def write_video(clip: Path, target: Path, detection: Detection, seen: Sequence[Seen]) -> None:
    """Write the clip as H.264 with zones, lines, and each event's box and caption. Raises `ReplayError`."""
    from cctv.common.drawing import draw_boxes, draw_places

    try:
        with av.open(str(target), "w") as container:
            stream: Any = None
            pixel_aspect = _pixel_aspect(clip, detection)
            for picture in _pictures(clip, "writing video"):
                frame = Frame.from_av(picture, datetime.now(UTC), 0.0, 0, pixel_aspect)
                canvas = draw_places(frame.bgr().copy(), detection)
                seconds = float(picture.time or 0.0)
                shown = [one for one in seen if 0 <= seconds - one.seconds < SHOWN_SECONDS and one.event.box]
                if shown:
                    boxes = [one.event.box for one in shown if one.event.box is not None]
                    canvas = draw_boxes(canvas, boxes, [one.event.description for one in shown])
                if stream is None:
                    stream = container.add_stream("libx264", rate=30)
                    # H.264 with 4:2:0 colours supports even sizes only.
                    stream.width, stream.height, stream.pix_fmt = frame.width & ~1, frame.height & ~1, "yuv420p"
                    stream.codec_context.time_base = picture.time_base
                drawn = av.VideoFrame.from_ndarray(canvas[: stream.height, : stream.width], format="bgr24")
                drawn.pts, drawn.time_base = picture.pts, picture.time_base
                container.mux(stream.encode(drawn))
            if stream is not None:
                container.mux(stream.encode())
    except (av.FFmpegError, OSError) as error:
        raise ReplayError(f"{target}: cannot be written: {error}") from error


def table(seen: Sequence[Seen]) -> str:
    """Return the events in columns."""
    heading = ("time", "type", "label", "confidence", "rule", "zone", "track")
    rows = [heading] + [
        (
            f"{int(one.seconds // 60)}:{one.seconds % 60:05.2f}",
            one.event.alert_type.value,
            one.event.label,
            f"{one.event.confidence:.0%}",
            one.event.rule or "-",
            one.event.zone or "-",
            one.event.track,
        )
        for one in seen
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heading))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, f"{len(seen)} event{'' if len(seen) == 1 else 's'}"])


def _pictures(clip: Path, doing: str) -> Iterator[av.VideoFrame]:
    try:
        with av.open(str(clip)) as container:
            if not container.streams.video:
                raise ReplayError(f"{clip}: contains no video")
            total = container.streams.video[0].frames or None
            yield from tqdm(container.decode(video=0), desc=doing, total=total, unit=" pictures", file=sys.stderr)
    except (av.FFmpegError, OSError) as error:
        raise ReplayError(f"{clip}: cannot be read as a video: {error}") from error


def _pixel_aspect(clip: Path, detection: Detection) -> float:
    """Return a pixel's width divided by its height; 1.0 where the clip declares none or cannot be read."""
    try:
        with av.open(str(clip)) as container:
            context = container.streams.video[0].codec_context
            declared = context.sample_aspect_ratio
            if detection.display_aspect is not None:
                declared = pixel_aspect_of(detection.display_aspect, context.width, context.height)
            return float(declared or 1.0)
    except (av.FFmpegError, OSError, IndexError):
        return 1.0


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.astimezone()
