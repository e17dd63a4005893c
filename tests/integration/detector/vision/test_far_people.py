"""People far away in a large frame are found; `make bench BENCH=quality` shows all six, at more places."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.integration.detector.clips import PERSONS
from tests.integration.detector.pasted import FULL_HD, UHD, Pasted, pasted

from cctv.detectors.model import Model
from cctv.vision.analyser import Analyser
from vigil_contracts.camera import CameraConfiguration
from vigil_contracts.names import AlertType

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

FIRST_VISIT = (5.0, 11.0)


@pytest.mark.parametrize(
    "place",
    [Pasted(FULL_HD, 192, left=1180, top=560), Pasted(UHD, 256, left=120, top=1900)],
    ids=["1080p-90px", "4K-120px"],
)
def test_a_far_person_is_one_event_at_their_place(
    shared: Path, model: Model, camera: Callable[..., CameraConfiguration], place: Pasted
) -> None:
    analyser = Analyser(camera(), model)
    frames = pasted(shared / "videos" / PERSONS, place, 5, *FIRST_VISIT)
    (event,) = [event for frame in frames for event in analyser.process(frame)]
    assert event.alert_type == AlertType.PERSON
    assert event.box is not None
    assert place.box.intersection(event.box) > 0.9 * event.box.area
    assert event.box.height > 0.5 * place.box.height
