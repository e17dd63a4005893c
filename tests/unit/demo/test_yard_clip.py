"""The demo clip: rendered once, with progress, and never left incomplete."""

from pathlib import Path

import av
import pytest

from vigil_demo import yard_clip
from vigil_demo.scene import story

FRAMES = 4


@pytest.fixture(autouse=True)
def short_story(monkeypatch: pytest.MonkeyPatch) -> None:
    """Render four frames of the story: the whole takes most of a minute."""
    monkeypatch.setattr(story, "DURATION_SECONDS", FRAMES / yard_clip.FRAMES_PER_SECOND)


def test_clip_is_rendered_with_progress_and_only_once(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    progress: list[tuple[int, int]] = []
    clip = yard_clip.ensure_yard_clip(folder, lambda done, total: progress.append((done, total)))
    assert progress == [(number, FRAMES) for number in range(1, FRAMES + 1)]
    assert sorted(folder.iterdir()) == sorted([clip, yard_clip.truth_path(clip)])
    with av.open(str(clip)) as container:
        assert sum(1 for _ in container.decode(video=0)) == FRAMES
    assert len(yard_clip.read_truths(clip)) == FRAMES
    assert yard_clip.ensure_yard_clip(folder, lambda *_: pytest.fail("it is rendered again")) == clip


def test_interrupted_rendering_leaves_no_clip(tmp_path: Path) -> None:
    def interrupt(done: int, _total: int) -> None:
        if done == FRAMES:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        yard_clip.ensure_yard_clip(tmp_path, interrupt)
    assert list(tmp_path.iterdir()) == []
