"""The comparison of a new model with the one in use: on a camera's page, and summed up on the statistics page."""

import re
from datetime import timedelta

from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from tests.unit.dashboard.test_pages import add_camera, queries_of

from surveillance.models import Camera, CameraHealth
from surveillance.services.heartbeats import heartbeat_record
from vigil_apps.dashboard.statistics import trials_of
from vigil_apps.dashboard.vocabulary import TRIAL_STYLES
from vigil_contracts.health import Heartbeat
from vigil_contracts.names import CameraPhase, Reason
from vigil_contracts.shadow import CONFIDENCE_BINS, ModelUse, ShadowCounts, ShadowReport, ShadowState

STATISTICS = "/dashboard/statistics/"


def confidences(value: float, count: int) -> tuple[int, ...]:
    return tuple(count if number == int(value * CONFIDENCE_BINS) else 0 for number in range(CONFIDENCE_BINS))


LIVE = ModelUse(frames=95, inferences=10, inference_seconds=0.2, confidences=confidences(0.61, 14))
NEW = ModelUse(frames=95, inferences=10, inference_seconds=0.25, confidences=confidences(0.86, 15))
COUNTS = ShadowCounts(agreed=12, missed=2, new=3, skipped_frames=5, live=LIVE, shadow=NEW)
REPORT = ShadowReport(trial="t", run="a", model="yolo11n", state=ShadowState.RUNNING, counts=COUNTS)


def report(camera: Camera, shadow: ShadowReport | None = REPORT) -> None:
    beat = Heartbeat(phase=CameraPhase.STREAMING, reason=Reason.STREAMING, shadow=shadow)
    heartbeat_record(camera=camera, heartbeat=beat, now=timezone.now())


def facts(client: Client, camera: Camera) -> dict[str, str]:
    """The panel on the camera's page, by name."""
    page = client.get(f"/dashboard/cameras/{camera.pk}/").content.decode()
    panel = page.partition("data-trial>")[2].partition("</dl>")[0]
    return dict(re.findall(r"<dt>(.+?)</dt>\s*<dd[^>]*>\s*(.+?)\s*</dd>", panel, re.DOTALL))


def table(client: Client) -> list[list[str]]:
    """The cells of the table of trials, without markup."""
    html = client.get(STATISTICS).content.decode().partition("data-trials>")[2].partition("</section>")[0]
    rows = re.findall(r"<tr>(.+?)</tr>", html.partition("<tbody>")[2], re.DOTALL)
    return [[re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)] for row in rows]


def test_camera_page_compares_both_models(client: Client, anna: User) -> None:
    camera = add_camera(anna)
    report(camera)
    assert facts(client, camera) == {
        "New model": "yolo11n",
        "Events found by both models": "12",
        "Only by the new model": "3",
        "Only by the model in use": "2",
        "Median confidence": "88 % (in use: 62 %)",
        "Inference time": "25.0\N{NO-BREAK SPACE}ms (in use: 20.0\N{NO-BREAK SPACE}ms)",
        "Skipped frames": "5 of 100",
    }
    live = client.get(f"/dashboard/cameras/{camera.pk}/live/").content.decode()
    assert "Comparing" in live.partition("data-trial>")[2], "the part that is updated has it too"


def test_camera_page_in_german(client: Client, anna: User) -> None:
    camera = add_camera(anna)
    report(camera)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "de"
    found = facts(client, camera)
    assert found["Inferenzzeit"] == "25,0\N{NO-BREAK SPACE}ms (bisher: 20,0\N{NO-BREAK SPACE}ms)"
    assert found["Übersprungene Bilder"] == "5 von 100"
    assert table(client)[0][-1] == "1,25-mal so lang wie beim bisherigen Modell"


def test_unknown_values_are_dashes(client: Client, anna: User) -> None:
    camera = add_camera(anna)
    report(camera, ShadowReport(trial="t", run="a", model="yolo11n"))
    found = facts(client, camera)
    assert found["Median confidence"] == found["Inference time"] == "– (in use: –)"
    assert "Skipped frames" not in found
    assert table(client) == [["yolo11n", "1", "0", "0", "0", "–"]]


def test_failure_is_shown_as_text_and_without_credentials(client: Client, anna: User) -> None:
    camera = add_camera(anna)
    failure = "cannot read <b>x.onnx</b> for rtsp://root:Pa55word@camera.example/1"
    report(camera, REPORT.model_copy(update={"state": ShadowState.FAILED, "failure": failure}))
    page = client.get(f"/dashboard/cameras/{camera.pk}/").content.decode()
    assert "cannot read &lt;b&gt;x.onnx&lt;/b&gt;" in page
    assert "Pa55word" not in page
    assert table(client) == [["yolo11n", "1 1 failed", "12", "3", "2", "1.25 times that of the model in use"]]


def test_pages_without_a_trial_mention_none(client: Client, anna: User) -> None:
    camera = add_camera(anna)
    for shadow in (None, REPORT, None):
        report(camera, shadow)
        is_shown = shadow is not None
        for path in (f"/dashboard/cameras/{camera.pk}/", STATISTICS):
            assert ("Model trial" in client.get(path).content.decode()) is is_shown, path


def test_trials_of_visible_cameras_are_summed_up_by_model(client: Client, anna: User) -> None:
    for name in ("A", "B"):
        report(add_camera(anna, name))
    report(add_camera(anna, "C"), REPORT.model_copy(update={"model": "/models/<i>new</i>.onnx"}))
    report(add_camera(User.objects.create_user("ben")))
    assert table(client) == [
        ["/models/&lt;i&gt;new&lt;/i&gt;.onnx", "1", "12", "3", "2", "1.25 times that of the model in use"],
        ["yolo11n", "2", "24", "6", "4", "1.25 times that of the model in use"],
    ]


def test_statistics_have_the_cameras_whose_comparison_the_api_has(client: Client, anna: User) -> None:
    silent, inactive = add_camera(anna, "Silent"), add_camera(anna, "Inactive")
    for camera in (silent, inactive):
        report(camera)
    Camera.objects.filter(pk=inactive.pk).update(is_active=False)
    CameraHealth.objects.update(reported_at=timezone.now() - timedelta(hours=1))
    in_api = {one["name"]: one["health"]["shadow"] for one in client.get("/api/cameras/").json()["results"]}
    assert in_api["Inactive"] is None
    assert in_api["Silent"]["counts"]["agreed"] == 12, "a silent detector does not end a trial"
    assert [row[:3] for row in table(client)] == [["yolo11n", "1", "12"]]


def test_stored_comparison_that_cannot_be_read_is_left_out(client: Client, anna: User) -> None:
    report(add_camera(anna))
    CameraHealth.objects.update(shadow={"report": "of another version"})
    assert table(client) == []


def test_number_of_queries_does_not_depend_on_trials(client: Client, anna: User) -> None:
    report(add_camera(anna))
    few = queries_of(client, STATISTICS)
    for number in range(8):
        report(add_camera(anna, f"Camera {number}"), REPORT.model_copy(update={"model": f"model {number}"}))
    assert queries_of(client, STATISTICS) == few


def test_sums() -> None:
    failed = REPORT.model_copy(update={"state": ShadowState.FAILED})
    (found,) = trials_of([REPORT, failed])
    assert (found.cameras, found.failed, found.counts) == (2, 1, COUNTS + COUNTS)
    assert trials_of([]) == []


def test_every_state_has_a_style() -> None:
    assert set(TRIAL_STYLES) == set(ShadowState)
