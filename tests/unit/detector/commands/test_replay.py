"""`cctv replay` uses the same analysis, and names invalid input."""

import argparse
import json
from pathlib import Path

import av
import numpy as np
import pytest

from cctv.commands import replay


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Four seconds at 10 frames a second of grain, in which something always moves."""
    path = tmp_path / "clip.mp4"
    grain = np.random.default_rng(1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 90, "yuv420p"
        for _ in range(40):
            picture = grain.integers(0, 255, (90, 160, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    replay.add_arguments(parser)
    return replay.main(parser.parse_args(list(words)))


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch, scripted_model) -> None:  # type: ignore[no-untyped-def]
    one = scripted_model(lambda t: [("person", 0.9, (0.3, 0.2, 0.5, 0.8))] if t > 1 else [])
    monkeypatch.setattr(replay, "load_model", lambda *_, **__: one)


@pytest.mark.usefixtures("model")
def test_events_as_json_with_images_and_video(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    video, snapshots = tmp_path / "out.mp4", tmp_path / "pictures"
    assert run(str(clip), "--output", "json", "--video", str(video), "--snapshots", str(snapshots)) == 0
    (event,) = json.loads(capsys.readouterr().out)
    assert event["type"] == "person"
    assert 1 < event["seconds"] < 2.2
    assert len(list(snapshots.glob("*.jpg"))) == 1
    with av.open(str(video)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 40


@pytest.mark.usefixtures("model")
def test_rules_are_applied_and_listed_in_a_table(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        "zones: [{name: Yard, points: [[0, 0], [1, 0], [1, 1], [0, 1]]}]\n"
        "rules: [{name: keep out, type: intrusion, zone: Yard}]\n"
    )
    assert run(str(clip), "--rules", str(rules)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "intrusion" in lines[1]
    assert "keep out" in lines[1]
    assert lines[-1] == "1 event"


@pytest.mark.usefixtures("model")
def test_invalid_input_is_named(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("minimum_confidence: 1.5\n")
    assert run(str(clip), "--rules", str(rules)) == 2
    assert "minimum_confidence: Input should be less than or equal to 1" in capsys.readouterr().err
    assert run(str(rules)) == 2
    assert f"{rules}: cannot be read as a video" in capsys.readouterr().err


def test_the_documented_rules_are_valid(tmp_path: Path) -> None:
    """The file that made the frame, and each block of YAML in the text."""
    docs = Path(__file__).parents[4] / "docs"
    assert len(replay.read_rules(docs / "rules.yaml").rules) == 4
    blocks = (docs / "rules.md").read_text().split("```yaml\n")[1:]
    assert len(blocks) == 2
    for block in blocks:
        written = tmp_path / "rules.yaml"
        written.write_text(block.partition("```")[0])
        detection = replay.read_rules(written)
        assert detection.rules or detection.models
