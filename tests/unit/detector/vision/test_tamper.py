"""A covered, blinded, defocused or moved camera is reported once; night, lamps and lorries are not."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from cctv.vision.analyser import Analyser
from cctv.vision.tamper import ADOPT_SECONDS, CHECK_SECONDS, HOLD_SECONDS, LEARN_SECONDS, Tampering, TamperWatch
from vigil_contracts.names import AlertType

ROWS, COLUMNS = 360, 640
Look = Callable[[np.ndarray], np.ndarray]


def _scene(seed: int = 1) -> np.ndarray:
    """A yard of sorts: large patches, poles and small clutter, (H, W), uint8."""
    random = np.random.default_rng(seed)
    scene = np.full((ROWS, COLUMNS), 120, np.uint8)
    for size in (200, 90, 40, 15, 6):
        for _ in range(3000 // size):
            x, y = int(random.integers(COLUMNS)), int(random.integers(ROWS))
            far = (x + int(random.integers(3, size + 3)), y + int(random.integers(3, size + 3)))
            cv2.rectangle(scene, (x, y), far, int(random.integers(20, 200)), -1)
    return cv2.GaussianBlur(scene, (0, 0), 0.8).astype(np.uint8)


class Watching:
    """A watch that sees one frame after the other, two seconds apart, with a sensor's noise."""

    def __init__(self, watch: TamperWatch | None = None) -> None:
        self.watch, self.seconds, self.random = watch or TamperWatch(), 0.0, np.random.default_rng(7)
        self.noise = self.random.normal(0, 1, (ROWS, COLUMNS))

    def see(self, picture: np.ndarray, seconds: float, noise: float = 1.5) -> list[tuple[float, Tampering]]:
        """What is said in that time, each with the seconds that have passed."""
        said, begun = [], self.seconds
        while self.seconds < begun + seconds:
            fresh = np.roll(self.noise, int(self.random.integers(self.noise.size)))[: picture.shape[0]]
            seen = picture + noise * fresh[:, : picture.shape[1]]
            tampering = self.watch.check(seen.clip(0, 255).astype(np.uint8), self.seconds)
            self.seconds += CHECK_SECONDS
            if tampering:
                said.append((self.seconds - begun, tampering))
        return said


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    return _scene()


@pytest.fixture
def watching(scene: np.ndarray) -> Watching:
    watching = Watching()
    assert watching.see(scene, LEARN_SECONDS + 30) == []
    return watching


def _moved(right: float = 0.0, down: float = 0.0, degrees: float = 0.0) -> Look:
    def look(scene: np.ndarray) -> np.ndarray:
        matrix = cv2.getRotationMatrix2D((COLUMNS / 2, ROWS / 2), degrees, 1.0)
        matrix[:, 2] += np.array([right * COLUMNS, down * ROWS])
        return cv2.warpAffine(scene, matrix, (COLUMNS, ROWS), borderMode=cv2.BORDER_REFLECT).astype(np.uint8)

    return look


def _gradient(low: float, high: float) -> np.ndarray:
    return np.tile(np.linspace(low, high, COLUMNS), (ROWS, 1))


@pytest.mark.parametrize(
    ("look", "said"),
    [
        (lambda s: np.zeros_like(s), Tampering.COVERED),
        (lambda s: _gradient(20, 90), Tampering.COVERED),
        (lambda s: np.full_like(s, 255), Tampering.BLINDED),
        (lambda s: cv2.GaussianBlur(s, (0, 0), 4), Tampering.DEFOCUSED),
        (_moved(right=0.08), Tampering.MOVED),
        (_moved(down=-0.1), Tampering.MOVED),
        (_moved(right=0.3), Tampering.MOVED),
        (lambda s: _scene(2), Tampering.MOVED),
    ],
    ids=["lid", "hand", "lamp", "smeared lens", "pan", "tilt", "far pan", "elsewhere"],
)
def test_each_tampering_is_reported_once(watching: Watching, scene: np.ndarray, look: Look, said: Tampering) -> None:
    (told,) = watching.see(look(scene), 120)
    assert told[1] == said
    assert HOLD_SECONDS <= told[0] <= HOLD_SECONDS + 2 * CHECK_SECONDS
    assert watching.see(scene, 60) == [], "its end is no alert"
    assert [tampering for _, tampering in watching.see(look(scene), 60)] == [said]


@pytest.mark.parametrize(
    "look",
    [
        lambda s: s * 0.3,
        lambda s: s * 0.08,
        lambda s: 255 * (s / 255.0) ** 0.4,
        lambda s: 255 - s,
        lambda s: s * np.linspace(0.2, 1.4, COLUMNS),
        lambda s: s * 0.3 + 175,
        lambda s: np.hstack([s[:, : COLUMNS // 2], np.full((ROWS, COLUMNS - COLUMNS // 2), 60)]),
        _moved(right=0.015, down=0.01),
        _moved(degrees=1.5),
    ],
    ids=["dusk", "night", "sunrise", "infrared", "low sun", "glare", "lorry", "wind", "settling pole"],
)
def test_normal_changes_are_no_tampering(watching: Watching, scene: np.ndarray, look: Look) -> None:
    assert watching.see(look(scene), 600, noise=4) == []
    assert watching.see(scene, 120) == []


def test_passing_objects_are_no_tampering(watching: Watching, scene: np.ndarray) -> None:
    for _ in range(5):
        assert watching.see(np.full_like(scene, 30), HOLD_SECONDS - CHECK_SECONDS) == []
        assert watching.see(scene, 10) == []


def test_new_view_is_adopted_and_guarded(watching: Watching, scene: np.ndarray) -> None:
    other = _moved(right=0.3)(scene)
    assert len(watching.see(other, ADOPT_SECONDS + LEARN_SECONDS + 60)) == 1
    assert [tampering for _, tampering in watching.see(scene, 60)] == [Tampering.MOVED]


def test_cover_is_never_adopted_as_view(watching: Watching, scene: np.ndarray) -> None:
    assert len(watching.see(np.zeros_like(scene), ADOPT_SECONDS + 60)) == 1
    assert watching.see(scene, 60) == []
    assert [tampering for _, tampering in watching.see(np.zeros_like(scene), 60)] == [Tampering.COVERED]


def test_initial_cover_is_not_adopted_as_view(scene: np.ndarray) -> None:
    watching = Watching()
    assert watching.see(_gradient(20, 90), 120) == []
    assert watching.see(scene, 120) == []
    assert [tampering for _, tampering in watching.see(_gradient(20, 90), 60)] == [Tampering.COVERED]


@pytest.mark.parametrize("picture", [np.full((ROWS, COLUMNS), 90, np.uint8), np.zeros((ROWS, COLUMNS), np.uint8)])
def test_featureless_view_is_not_guarded(scene: np.ndarray, picture: np.ndarray) -> None:
    watching = Watching()
    assert watching.see(picture, 300, noise=4) == []
    assert watching.see(scene, LEARN_SECONDS + 60) == [], "morning has come"
    assert [tampering for _, tampering in watching.see(picture, 60)] == [Tampering.COVERED]


def test_unstable_view_is_not_guarded() -> None:
    watching = Watching()
    flat = np.full((ROWS, COLUMNS), 128, np.uint8)
    for _ in range(150):
        sea = np.kron(watching.random.normal(0, 60, (ROWS // 8, COLUMNS // 8)), np.ones((8, 8)))
        assert watching.see(flat + sea, CHECK_SECONDS) == []


def test_changed_frame_size_is_learned_again(watching: Watching, scene: np.ndarray) -> None:
    assert watching.see(cv2.resize(scene, (352, 288)).astype(np.uint8), 120) == []


def test_restart_does_not_repeat_the_alert(watching: Watching, scene: np.ndarray) -> None:
    covered = _gradient(20, 90)
    assert len(watching.see(covered, 60)) == 1
    restarted = Watching(TamperWatch())
    restarted.watch.restore(watching.watch.state())
    assert restarted.see(covered, 20) == []
    assert restarted.see(scene, 120) == []


def test_tampering_is_reported_regardless_of_rules(make_frame, make_camera, scripted_model) -> None:  # type: ignore[no-untyped-def]
    never = {"time_zone": "UTC", "windows": [{"days": ["mon"], "start": "03:00", "end": "03:01"}]}
    pictures = {0: cv2.cvtColor(_scene(), cv2.COLOR_GRAY2BGR), 1: np.zeros((ROWS, COLUMNS, 3), np.uint8)}

    def events(**detection: object) -> list:  # type: ignore[type-arg]
        analyser = Analyser(make_camera(**detection), scripted_model(lambda _: []))
        return [
            event
            for seconds in range(180)
            for event in analyser.process(make_frame(float(seconds), pictures[int(seconds >= 60)]))
        ]

    (event,) = events(schedule=never)
    assert (event.alert_type, event.label, event.confidence) == (AlertType.TAMPER, "covered", 1.0)
    assert event.description == "The camera is covered: hardly anything of its view is left."
    submission = event.to_submission(7)
    assert submission.box is None
    picture = cv2.imdecode(np.frombuffer(event.snapshot_jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (ROWS, COLUMNS, 3)
    assert events(tamper=False) == []
