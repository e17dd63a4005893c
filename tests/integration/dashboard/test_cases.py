"""Cases in a real browser: from an alert and a period to a downloaded export."""

import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.integration.dashboard.conftest import SIZES, SignIn, UserPool, Visit, Watcher
from tests.integration.services.backend import BackendServer, backend_server
from tests.integration.services.made_clips import make_clip
from tests.integration.services.made_recordings import make_recording

from vigil_apps.evidence.core.keys import new_key

LOCAL_TIME = """(text) => {
    const time = new Date(text);
    return new Date(time - time.getTimezoneOffset() * 60000).toISOString().slice(0, 19);
}"""
"""Returns the time as a field for date and time takes it."""
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackendServer]:
    """A backend with a key that signs exports."""
    folder = tmp_path_factory.mktemp("cases")
    with backend_server(folder, environment={"VIGIL_EVIDENCE_KEY": new_key()}) as running:
        yield running


@pytest.fixture(scope="module")
def users(server: BackendServer) -> UserPool:
    return UserPool(server)


@pytest.fixture(scope="module")
def watcher(server: BackendServer, users: UserPool) -> Watcher:
    return Watcher(server, users.pipeline_token)


def test_a_case_from_an_alert_to_its_export(
    server: BackendServer, users: UserPool, watcher: Watcher, sign_in: SignIn, tmp_path: Path
) -> None:
    user = users.take()
    camera = server.add_camera(user.token, name="Yard", rtsp_url="rtsp://192.0.2.7/1")
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    clip = make_clip(tmp_path / "clip.mp4", seconds=12.8)
    with server.client(watcher.token) as client:
        make_recording(client, server.media, camera, clip, begin=begin.timestamp(), seconds=60)
    alert = watcher.send_alert(camera, timestamp=(begin + timedelta(seconds=30)).isoformat())
    with sign_in(user) as visit:
        visit.open(f"/dashboard/alerts/{alert}/")
        visit.page.get_by_role("link", name="Add to case").click()
        visit.page.get_by_label("New case").fill("Break-in")
        visit.page.get_by_role("button", name="Create case").click()
        expect(visit.page.get_by_role("heading", name="Break-in")).to_be_visible()
        visit.open(f"/dashboard/cases/?alert={alert}")
        visit.page.get_by_role("button", name="Add alert").click()
        expect(visit.page.get_by_role("link", name=f"Alert {alert}")).to_be_visible()
        _add_period(visit, begin)
        expect(visit.page.get_by_text("In place")).to_have_count(2)
        _look(visit, tmp_path, "case")
        visit.page.get_by_role("button", name="Export").click()
        link = visit.page.get_by_role("link", name="Download")
        expect(link).to_be_visible()
        with visit.page.expect_download() as download:
            link.click()
        archive = tmp_path / "case.zip"
        download.value.save_as(archive)
        names = [Path(name).name for name in zipfile.ZipFile(archive).namelist()]
        assert f"alert-{alert}.jpg" in names
        assert [name for name in names if name.startswith(f"camera-{camera}-")]
        assert zipfile.ZipFile(archive).testzip() is None
        _close(visit)
        _look(visit, tmp_path, "closed")


def _add_period(visit: Visit, begin: datetime) -> None:
    form = visit.page.locator("form", has=visit.page.get_by_role("button", name="Add recordings"))
    for name, at in (("From", begin), ("To", begin + timedelta(seconds=40))):
        form.get_by_label(name).fill(visit.page.evaluate(LOCAL_TIME, at.isoformat()))
    form.get_by_role("button").click()


def _close(visit: Visit) -> None:
    asked: list[str] = []

    def accept(dialog: object) -> None:
        asked.append(dialog.message)  # type: ignore[attr-defined]
        dialog.accept()  # type: ignore[attr-defined]

    visit.page.on("dialog", accept)
    visit.page.get_by_label("Reason for closing").fill("Handed over")
    visit.page.get_by_role("button", name="Close case").click()
    expect(visit.page.get_by_text("This case is closed.")).to_be_visible()
    assert "Retention can then delete what no other hold keeps:\nYard, 20" in asked[0]
    expect(visit.page.get_by_role("button", name="Delete case")).to_be_visible()


@pytest.mark.parametrize("size", SIZES)
def test_pages_fit_the_screen(
    server: BackendServer, users: UserPool, sign_in: SignIn, tmp_path: Path, size: str
) -> None:
    user = users.take()
    camera = server.add_camera(user.token, name="A camera with quite a long name", rtsp_url="rtsp://192.0.2.7/1")
    with server.client(user.token) as client:
        case = client.post("/api/cases/", json={"title": "Einbruch am Nordtor", "reference": "4711/26"}).json()["id"]
        period = {"camera": camera, "start": "2026-11-29T12:00:00Z", "end": "2026-11-29T12:10:00Z"}
        assert client.post(f"/api/cases/{case}/items/", json=period).status_code == 201
        assert client.post(f"/api/cases/{case}/exports/").status_code == 201
    with sign_in(user, size=SIZES[size], locale="de-DE") as visit:
        for name, path in (("list", "/dashboard/cases/"), ("one", f"/dashboard/cases/{case}/")):
            visit.open(path)
            expect(visit.page.get_by_role("link", name="Fälle").first).to_be_visible()
            if name == "one":
                expect(visit.page.get_by_text("Von diesem Fall ist nichts aufgezeichnet.")).to_be_visible()
            width = visit.page.evaluate("document.documentElement.scrollWidth")
            assert width <= SIZES[size]["width"], path
            _look(visit, tmp_path, f"{name}-{size}")


def _look(visit: Visit, tmp_path: Path, name: str) -> None:
    visit.page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
