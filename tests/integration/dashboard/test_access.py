"""Access to the dashboard: own objects, and 404 for all others."""

from contextlib import closing

import httpx
import pytest
from playwright.sync_api import expect
from tests.integration.dashboard.conftest import SignIn, UserPool, Visit, Watcher, enter
from tests.integration.services.backend import BackendServer
from tests.integration.services.backend import BackendUser as User

from vigil_apps.dashboard.urls import urlpatterns

pytestmark = pytest.mark.timeout(300)  # on a busy machine the start of a backend alone takes a minute

POST_ONLY = {
    "camera-activate",
    "camera-deactivate",
    "camera-delete",
    "alert-acknowledge",
    "alerts-acknowledge",
    "alerts-resolve",
    "alerts-false-positive",
    "alerts-undo",
    "alert-resolve",
    "alert-false-positive",
    "alert-comment",
    "camera-rules-preview",
    "camera-rules-save",
    "settings-person-switch",
    "settings-security-dismiss",
    "settings-second-factor",
    "factors-reset",
    "identity-disconnect",
    "logout",
}
OPEN_TO_ALL = {"login", "logout", "service-worker", "manifest", "offline"}


def session_of(server: BackendServer, user: User) -> httpx.Client:
    """Return a browser session without a browser."""
    client = server.client(follow_redirects=False)
    client.get("/dashboard/login/")
    body = {"username": user.username, "password": user.password, "csrfmiddlewaretoken": client.cookies["csrftoken"]}
    answer = client.post("/dashboard/login/", data=body, headers={"Referer": server.url})
    assert answer.status_code == httpx.codes.FOUND
    return client


def request(client: httpx.Client, name: str, path: str) -> httpx.Response:
    if name in POST_ONLY:
        return client.post(path, headers={"X-CSRFToken": str(client.cookies.get("csrftoken", ""))})
    return client.get(path)


def paths(camera_id: int, alert_id: int) -> dict[str, str]:
    """Return every path of the dashboard by name, with ids filled in."""
    found = {}
    for pattern in urlpatterns:
        route = str(pattern.pattern).replace("<int:camera_id>", str(camera_id)).replace("<int:user_id>", "999999")
        route = route.replace("<int:account_id>", "999999").replace("<int:case_id>", "999999")
        found[str(pattern.name)] = f"/dashboard/{route.replace('<int:alert_id>', str(alert_id))}"
    return found


@pytest.fixture
def foreign(server: BackendServer, watcher: Watcher, users: UserPool) -> tuple[int, int]:
    """Ids of another user's camera and alert."""
    owner = users.take()
    camera_id = server.add_camera(owner.token, name="Vault", rtsp_url="rtsp://192.0.2.9/1")
    return camera_id, watcher.send_alert(camera_id)


def test_others_get_404_and_change_nothing(server: BackendServer, users: UserPool, foreign: tuple[int, int]) -> None:
    user = users.take()
    admin = users.take(is_superuser=True)
    with closing(session_of(server, user)) as client, server.client(admin.token) as api:
        for name, path in paths(*foreign).items():
            if name == "logout":
                continue  # it would end the session in the middle
            answer = request(client, name, path)
            has_id = any(f"/{number}/" in path for number in foreign)
            if has_id:
                assert answer.status_code == httpx.codes.NOT_FOUND, name
            assert "Vault" not in answer.text, name
        assert api.get(f"/api/cameras/{foreign[0]}/").json()["is_active"] is True
        assert api.get(f"/api/alerts/{foreign[1]}/").json()["acknowledged"] is False


def test_anonymous_user_is_redirected_to_sign_in(server: BackendServer, foreign: tuple[int, int]) -> None:
    with server.client() as client:
        for name, path in paths(*foreign).items():
            if name in OPEN_TO_ALL:
                continue
            client.get("/dashboard/login/")
            answer = request(client, name, path)
            assert answer.status_code == httpx.codes.FOUND, name
            assert answer.headers["location"].startswith("/dashboard/login/"), name


def test_superuser_sees_all_cameras(sign_in: SignIn, users: UserPool, foreign: tuple[int, int]) -> None:
    admin = users.take(is_superuser=True)
    with sign_in(admin) as visit:
        visit.open(f"/dashboard/cameras/{foreign[0]}/")
        expect(visit.page.get_by_role("heading", name="Vault")).to_be_visible()


def test_cross_site_form_is_rejected(server: BackendServer, visit: Visit) -> None:
    with closing(session_of(server, visit.user)) as client:
        answer = client.post("/dashboard/cameras/add/", data={"name": "x", "rtsp_url": "rtsp://192.0.2.7/1"})
        assert answer.status_code == httpx.codes.FORBIDDEN


def test_sign_in_reports_a_wrong_password_and_then_redirects(sign_in: SignIn) -> None:
    with sign_in(anonymous=True) as visit:
        visit.open("/dashboard/cameras/add/")
        visit.page.fill("#id_username", visit.user.username)
        visit.page.fill("#id_password", "wrong")
        visit.page.click("button[type=submit]")
        expect(visit.page.get_by_role("alert")).to_contain_text("Incorrect user name or password")
        visit.page.fill("#id_password", visit.user.password)
        visit.page.click("button[type=submit]")
        visit.page.wait_for_url("**/dashboard/cameras/add/")


def test_sign_in_never_redirects_to_another_site(sign_in: SignIn) -> None:
    with sign_in(anonymous=True) as visit:
        visit.open("/dashboard/login/?next=https://evil.example/")
        visit.page.fill("#id_username", visit.user.username)
        visit.page.fill("#id_password", visit.user.password)
        visit.page.click("button[type=submit]")
        visit.page.wait_for_url(f"{visit.server.url}/dashboard/")


def test_an_open_page_goes_to_sign_in_when_its_session_ends(visit: Visit) -> None:
    visit.page.context.clear_cookies()
    visit.page.wait_for_url("**/dashboard/login/**")
    enter(visit)
    visit.page.get_by_role("button", name="Sign out").click()
    visit.page.wait_for_url("**/dashboard/login/")


def test_browser_caches_only_images(server: BackendServer, visit: Visit, watcher: Watcher) -> None:
    camera_id = server.add_camera(visit.user.token, name="Gate", rtsp_url="rtsp://192.0.2.7/1")
    alert_id = watcher.send_alert(camera_id)
    with closing(session_of(server, visit.user)) as client:
        page = client.get("/dashboard/")
        assert "no-store" in page.headers["cache-control"]
        assert "script-src 'self'" in page.headers["content-security-policy"]
        picture = client.get(f"/dashboard/alerts/{alert_id}/thumbnail/")
        assert picture.headers["content-type"] == "image/jpeg"
        assert "private" in picture.headers["cache-control"]
