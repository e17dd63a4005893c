"""The main job on real input: six people walk through a real stream, and six alerts are in a real database.

Three runs side by side, each with a camera, a user and a detector process of its own, since the clip takes 139 s: in
pod mode, in poll mode, and in pod mode with a backend that is killed for a minute in the middle.
"""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.six_people import Owner, Stage, check_clip, check_picture, check_visits, stage
from tests.integration.services.backend import backend_server
from tests.integration.services.detector import wait_until
from tests.integration.services.postgres import PostgresServer

from cctv.detectors.loader import load_model
from cctv.detectors.model import Model

OUTAGE_BEGINS_SECONDS = 45.0
OUTAGE_SECONDS = 60.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(580)]


@pytest.fixture(scope="module")
def stages(
    shared: Path, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Stage]]:
    """The three stages, after their clips have been played to the end."""
    directory = tmp_path_factory.mktemp("six-people")
    with contextlib.ExitStack() as stack:
        steady_url, broken_url = postgres.create_database(), postgres.create_database()
        steady = stack.enter_context(backend_server(directory / "steady", database_url=steady_url))
        broken = stack.enter_context(backend_server(directory / "broken", database_url=broken_url))
        anna, other = Owner.of(steady), Owner.of(broken)
        made = [
            stack.enter_context(stage("pod", directory, shared, steady, steady_url, anna, pod=True)),
            stack.enter_context(stage("poll", directory, shared, steady, steady_url, anna, pod=False)),
            stack.enter_context(stage("outage", directory, shared, broken, broken_url, other, pod=True)),
        ]
        for each in made:
            each.cctv.start()
        for each in made:
            each.wait_for_play()
        time.sleep(OUTAGE_BEGINS_SECONDS)
        broken.kill()
        time.sleep(OUTAGE_SECONDS)  # the length of the outage is what is tested
        assert made[2].cctv.metric("vigil_spool_alerts") >= 1, "nothing happened during the outage"
        broken.start()
        for each in made:
            each.wait_for_end()
        yield {each.name: each for each in made}


@pytest.fixture(scope="module")
def model(shared: Path) -> Iterator[Model]:
    """The COCO model, to look at the alerts' pictures."""
    loaded = load_model(shared / "models" / "yolov8n_int8_openvino_model")
    yield loaded
    loaded.close()


@pytest.mark.parametrize("name", ["pod", "poll", "outage"])
def test_six_people_give_exactly_six_alerts(stages: dict[str, Stage], name: str) -> None:
    rows = stages[name].rows()

    assert [row[:2] for row in rows] == [("person", "person")] * 6, f"pictures: {stages[name].frames}"
    assert len({row[3] for row in rows}) == 6


@pytest.mark.parametrize("name", ["pod", "poll", "outage"])
def test_each_alert_shows_another_person_boxed_in_its_picture(
    stages: dict[str, Stage], model: Model, name: str
) -> None:
    alerts = stages[name].alerts()

    check_visits(alerts, stages[name].played_at)
    for alert in alerts:
        check_picture(alert, model)


@pytest.mark.parametrize("name", ["pod", "poll", "outage"])
def test_no_credential_and_no_trouble_in_what_the_detector_said(stages: dict[str, Stage], name: str) -> None:
    output = stages[name].cctv.output

    assert "w/rd" not in output
    assert "w%2Frd" not in output
    assert "Traceback" not in output


def test_a_running_detector_ends_within_five_seconds(stages: dict[str, Stage]) -> None:
    began = time.monotonic()

    assert stages["pod"].cctv.stop(timeout_seconds=10) == 0
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("name", ["pod", "poll", "outage"])
def test_each_alert_has_a_clip_of_the_seconds_around_it(stages: dict[str, Stage], model: Model, name: str) -> None:
    wait_until(lambda: all(alert["clip"] for alert in stages[name].alerts()), 30, "every alert has its clip")
    for alert in stages[name].alerts():
        check_clip(alert, model)
