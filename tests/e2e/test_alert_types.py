"""Every alert type: from a real detector with real streams to a row of the real API."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from tests.cluster.polling import eventually
from tests.integration.services.backend import BackendServer
from tests.integration.services.detector import detector
from tests.integration.services.kept_inputs import kept
from tests.integration.services.misbehaving_rtsp import Script, misbehaving_camera

from vigil_contracts.names import AlertType
from vigil_demo.clip import Clip, load_clip
from vigil_demo.scene import story

RATE = 5
PASSING_SECONDS = (4.4, 12.0)
"""A person walks through the demo yard, and a van drives."""
BURNING_SECONDS = (48.0, 56.0)
LID_AFTER_SECONDS = 34.0
"""A person covers the camera after it has learned its view."""

WHOLE = {"name": "Yard", "points": [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]}
RULES = [
    {"name": "who", "type": "object"},
    {"name": "keep out", "type": "intrusion", "zone": "Yard"},
    {"name": "no parking", "type": "loitering", "zone": "Yard", "seconds": 1},
    {"name": "gate", "type": "line_crossing", "line": [[0.5, 0.0], [0.5, 1.0]]},
]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(580)]


CLIPS = ("passing", "burning", "dark")


@pytest.fixture(scope="module")
def clips() -> dict[str, Clip]:
    """Return the demo yard with a passing person, with a fire, and from under a lid."""
    scene = sorted(Path(story.__file__).parent.rglob("*.py"))
    folder = kept("alert-type-clips", [Path(__file__), *scene], _make_clips)
    return {name: load_clip(folder / f"{name}.mp4") for name in CLIPS}


def _make_clips(folder: Path) -> None:
    yard, grain = story.Story(), np.random.default_rng(1)
    pictures: dict[str, Sequence[Any]] = {
        name: [yard.frame(float(seconds)).image for seconds in np.arange(*span, 1 / RATE)]
        for name, span in {"passing": PASSING_SECONDS, "burning": BURNING_SECONDS}.items()
    }
    pictures["dark"] = [*grain.normal(10, 2, (RATE * 4, *pictures["passing"][0].shape)).clip(0, 255).astype(np.uint8)]
    for name in CLIPS:
        _encode(folder / f"{name}.mp4", pictures[name])


def _encode(path: Path, pictures: Sequence[Any]) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "bf": "0", "g": "5"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _called(**kinds: str) -> dict[str, object]:
    """A model that knows other things, as far as its labels go: what a camera's owner says that they mean."""
    meanings = [{"label": label, "alert_type": kind} for label, kind in kinds.items()]
    return {"models": [{"model": "demo", "alert_types": meanings}], "tamper": False}


@pytest.fixture
def film(backend: BackendServer) -> Iterator[Callable[..., contextlib.ExitStack]]:
    """Puts up a camera that shows a clip again and again; what is returned takes it down."""
    owner = backend.create_user("anna")
    with contextlib.ExitStack() as all_of_them:

        def put_up(name: str, script: Script, **detection: object) -> contextlib.ExitStack:
            one = all_of_them.enter_context(contextlib.ExitStack())
            camera = one.enter_context(misbehaving_camera(script))
            backend.add_camera(owner.token, name=name, rtsp_url=camera.url, detection=detection)
            return one

        yield put_up


def test_every_alert_type_arrives(
    backend: BackendServer, clips: dict[str, Clip], film: Callable[..., contextlib.ExitStack], tmp_path: Path
) -> None:
    passing, burning = Script(clip=clips["passing"]), Script(clip=clips["burning"])
    film("yard", passing, zones=[WHOLE], rules=RULES, tamper=False)
    film("fire", burning, tamper=False)
    film("zoo", passing, **_called(person="animal", vehicle="weapon"))
    film("riot", burning, **_called(fire="violence", smoke="other"))
    film("lid", Script(clip=clips["passing"], then_clip=clips["dark"], then_after_seconds=LID_AFTER_SECONDS))
    power = film("power", passing, classes=["fire"], tamper=False)
    settings = {"VIGIL_MODEL": "demo", "VIGIL_OFFLINE_ALERT_AFTER_SECONDS": "5"}
    pipeline, reader = backend.token("anna", "pipeline"), backend.token("anna", "user")
    with detector(tmp_path / "cctv", api_url=backend.url, token=pipeline, settings=settings) as cctv:

        def streaming() -> set[str]:
            with backend.client(reader) as client:
                rows = client.get("/api/cameras/").raise_for_status().json()["results"]
            return {row["name"] for row in rows if row["health"]["phase"] == "Streaming"}

        eventually(lambda: len(streaming()) == 6, 90, "all six stream")
        power.close()

        def missing() -> set[AlertType]:
            return set(AlertType) - {AlertType(alert["alert_type"]) for alert in backend.alerts(reader)}

        eventually(lambda: not missing(), 120, f"alerts of all types; it said\n{cctv.output[-2000:]}")
    for alert in backend.alerts(reader):
        assert alert["image"] or alert["alert_type"] == AlertType.CAMERA_OFFLINE
        assert bool(alert["box"]) == (alert["alert_type"] not in {AlertType.CAMERA_OFFLINE, AlertType.TAMPER})
