"""The main task on real input: six people walk through a real stream and give six alerts.

Three runs side by side, each with a camera, a user and a detector process of its own, since the clip takes 139 s: in
pod mode with a new model in shadow, in pod mode with a backend that is killed for a minute in the middle, and by
`make run` without MODEL, whose pipeline works in poll mode with weights that it converts itself.
"""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster.polling import eventually
from tests.e2e.make_run_stage import MakeRunStage, make_run_stage
from tests.e2e.model_trial import ModelTrial
from tests.e2e.six_people import Owner, Stage, check_clip, check_picture, check_visits, stage
from tests.integration.services import made_weights
from tests.integration.services.backend import backend_server
from tests.integration.services.postgres import PostgresServer

from cctv.detectors.loader import load_model
from cctv.detectors.model import Model
from vigil_contracts.shadow import ShadowState
from vigil_operator.core.model_rollout import MAX_SKIPPED_PERCENT

OUTAGE_BEGINS_SECONDS = 45.0
OUTAGE_SECONDS = 60.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(580)]

AnyStage = Stage | MakeRunStage


@pytest.fixture(scope="module")
def trial(shared: Path) -> ModelTrial:
    """A trial of the model in use beside itself."""
    return ModelTrial.of(str(shared / "models" / "yolov8n_int8_openvino_model"))


@pytest.fixture(scope="module")
def stages(
    shared: Path, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory, trial: ModelTrial
) -> Iterator[dict[str, AnyStage]]:
    """The stages, after their clips have been played to the end; without torch there is no `make run` among them."""
    directory = tmp_path_factory.mktemp("six-people")
    with contextlib.ExitStack() as stack:
        steady_url, broken_url = postgres.create_database(), postgres.create_database()
        steady = stack.enter_context(backend_server(directory / "steady", database_url=steady_url))
        broken = stack.enter_context(backend_server(directory / "broken", database_url=broken_url))
        pod = stack.enter_context(
            stage("pod", directory, shared, steady, steady_url, Owner.of(steady), trial.variables)
        )
        outage = stack.enter_context(stage("outage", directory, shared, broken, broken_url, Owner.of(broken)))
        made: dict[str, AnyStage] = {"pod": pod, "outage": outage}
        if made_weights.PYTHON.exists():
            made["make run"] = stack.enter_context(make_run_stage(directory / "make-run", shared))
            made["make run"].wait_for_play()
        for watched in (pod, outage):
            watched.cctv.start()
        for watched in (pod, outage):
            watched.wait_for_play()
        time.sleep(OUTAGE_BEGINS_SECONDS)
        broken.kill()
        time.sleep(OUTAGE_SECONDS)  # the length of the outage is what is tested
        assert outage.cctv.metric("vigil_spool_alerts") >= 1, "nothing happened during the outage"
        broken.start()
        for each in made.values():
            each.wait_for_end()
        yield made


@pytest.fixture
def played(stages: dict[str, AnyStage], request: pytest.FixtureRequest) -> AnyStage:
    """The stage that the test's parameter names."""
    if request.param not in stages:
        pytest.skip(made_weights.NEEDED)
    return stages[request.param]


each_stage = pytest.mark.parametrize("played", ["pod", "outage", "make run"], indirect=True)


@pytest.fixture(scope="module")
def model(shared: Path) -> Iterator[Model]:
    """The COCO model, to look at the alerts' images."""
    loaded = load_model(shared / "models" / "yolov8n_int8_openvino_model")
    yield loaded
    loaded.close()


@each_stage
def test_six_people_give_exactly_six_alerts(played: AnyStage) -> None:
    rows = played.rows()

    assert [row[:2] for row in rows] == [("person", "person")] * 6, f"pictures: {played.frames}"
    assert len({row[2] for row in rows}) == 6


@each_stage
def test_each_alert_image_shows_another_person_with_a_box(played: AnyStage, model: Model) -> None:
    alerts = played.alerts()

    check_visits(alerts, played.played_at)
    for alert in alerts:
        check_picture(alert, model)


@pytest.mark.parametrize("played", ["make run"], indirect=True)
def test_default_model_is_converted_from_existing_weights(played: AnyStage) -> None:
    assert isinstance(played, MakeRunStage)
    models = played.home / ".cache" / "vigil" / "models"
    assert f"converting {models / 'yolov8n.pt'} to OpenVINO" in played.output
    assert sorted(path.name for path in models.iterdir()) == ["compiled", "converted", "yolov8n.pt"]


@each_stage
def test_detector_log_has_no_credentials_and_no_errors(played: AnyStage) -> None:
    output = played.output

    assert "w/rd" not in output
    assert "w%2Frd" not in output
    assert "Traceback" not in output


def test_new_model_in_shadow_agrees_and_awaits_approval(stages: dict[str, AnyStage], trial: ModelTrial) -> None:
    """Its events create no alerts: the other tests count them."""
    pod = stages["pod"]
    assert isinstance(pod, Stage)
    (report,) = trial.reports(pod.backend, pod.operator_token)
    assert (report.state, report.failure) == (ShadowState.RUNNING, "")
    assert report.counts.agreed >= 3, report.counts
    status = trial.decided([report])
    is_too_slow = status["measured"]["skippedPercent"] > MAX_SKIPPED_PERCENT  # on an overloaded machine
    expected = "ShadowTooSlow" if is_too_slow else "AwaitingApproval"
    assert (status["phase"], status["reason"]) == ("Held", expected), status


def test_shadow_leaves_the_model_in_use_its_speed(stages: dict[str, AnyStage]) -> None:
    """The other detector plays the same clip at the same time, so the load of the machine is the same."""
    pod, alone = stages["pod"], stages["outage"]
    assert isinstance(pod, Stage)
    assert isinstance(alone, Stage)
    ratio = pod.seconds_per_inference / alone.seconds_per_inference
    print(f"an inference beside a shadow takes {ratio:.2f} times as long as without")
    assert ratio < 2


def test_detector_stops_within_five_seconds(stages: dict[str, AnyStage]) -> None:
    pod, began = stages["pod"], time.monotonic()

    assert isinstance(pod, Stage)
    assert pod.cctv.stop(timeout_seconds=10) == 0
    assert time.monotonic() - began < 5


@each_stage
def test_each_alert_has_a_clip_of_the_seconds_around_it(played: AnyStage, model: Model) -> None:
    eventually(lambda: all(alert["clip"] for alert in played.alerts()), 30, "every alert has its clip")
    for alert in played.alerts():
        check_clip(alert, model)
