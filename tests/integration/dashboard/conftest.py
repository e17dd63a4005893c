"""A real backend and a real browser; browser errors fail the test that caused them."""

import io
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, ViewportSize, expect
from tests.integration.services.backend import BackendServer, backend_server
from tests.integration.services.backend import BackendUser as User
from tests.integration.services.browser import Problems, chromium

DESKTOP: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
SIZES = {"desktop": DESKTOP, "phone": PHONE}

expect.set_options(timeout=20_000)


@dataclass(frozen=True)
class Visit:
    """A signed-in page and its user."""

    page: Page
    user: User
    problems: Problems
    server: BackendServer

    def open(self, path: str) -> None:
        self.page.goto(f"{self.server.url}{path}")

    def api(self) -> httpx.Client:
        return self.server.client(self.user.token)


@dataclass(frozen=True)
class Watcher:
    """Sends alerts and heartbeats like a detector."""

    server: BackendServer
    token: str
    _events: dict[int, str] = field(default_factory=dict)

    def send_alert(self, camera_id: int, *, alert_type: str = "person", picture: bool = True, **fields: str) -> int:
        values = {
            "event_id": secrets.token_hex(8),
            "camera": str(camera_id),
            "alert_type": alert_type,
            "confidence": "0.87",
            "timestamp": datetime.now(UTC).isoformat(),
            **fields,
        }
        parts: dict[str, Any] = {name: (None, value) for name, value in values.items()}
        if picture:
            parts["image"] = ("snapshot.jpg", snapshot_jpeg(), "image/jpeg")
        with self.server.client(self.token) as client:
            answer = client.post("/api/send-alert/", files=parts)
        assert answer.status_code == httpx.codes.CREATED, answer.text
        alert_id = int(answer.json()["id"])
        self._events[alert_id] = values["event_id"]
        return alert_id

    def event_id(self, alert_id: int) -> str:
        """Return the event of an alert that was sent."""
        return self._events[alert_id]

    def send_clip(self, camera_id: int, alert_id: int, content: bytes) -> None:
        """Send the clip of an alert."""
        with self.server.client(self.token) as client:
            event_id = self._events[alert_id]
            values = {
                "event_id": event_id,
                "camera": str(camera_id),
                "started_at": datetime.now(UTC).isoformat(),
                "duration_seconds": "4",
            }
            parts: dict[str, Any] = {name: (None, value) for name, value in values.items()}
            parts["clip"] = ("clip.mp4", content, "video/mp4")
            answer = client.post("/api/send-clip/", files=parts)
        assert answer.status_code == httpx.codes.CREATED, answer.text

    def report(self, camera_id: int, phase: str, reason: str, **more: object) -> None:
        with self.server.client(self.token) as client:
            body = {
                "phase": phase,
                "reason": reason,
                "stream": {"width": 1280, "height": 720, "codec": "h264", "frames_per_second": 25.0},
                **more,
            }
            answer = client.post(f"/api/cameras/{camera_id}/heartbeat/", json=body)
        assert answer.is_success, answer.text


def snapshot_jpeg() -> bytes:
    """Return an image of 1280 x 720 that contains a box."""
    picture = Image.new("RGB", (1280, 720), (38, 52, 70))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 460, 1280, 720), fill=(70, 78, 84))
    draw.ellipse((600, 200, 680, 280), fill=(214, 170, 140))
    draw.rectangle((580, 280, 700, 520), fill=(30, 60, 140))
    draw.rectangle((560, 180, 720, 540), outline=(58, 211, 192), width=5)
    output = io.BytesIO()
    picture.save(output, format="JPEG", quality=88)
    return output.getvalue()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackendServer]:
    with backend_server(tmp_path_factory.mktemp("dashboard")) as running:
        yield running


# One browser for each module and not for the session: while it is open, an event loop runs in this thread, and
# tests of other parts could not start theirs.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


_MAKE_USERS = """
import json
from vigil_apps.accounts.scopes import Scope
from vigil_apps.accounts.services import token_create
from django.contrib.auth import login
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest
hashed = make_password({password!r})
made = []
for name, is_superuser in {wanted!r}:
    user = User.objects.create(username=name, password=hashed, is_superuser=is_superuser, is_staff=is_superuser)
    request = HttpRequest()
    request.session = SessionStore()
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    request.session.save()
    made.append((name, token_create(user=user, scope=Scope.USER), request.session.session_key))
print("USERS" + json.dumps([made, token_create(user=user, scope=Scope.PIPELINE)]))
"""


class UserPool:
    """Creates users in batches, since each management command has to start Django."""

    def __init__(self, server: BackendServer) -> None:
        self._server = server
        self._ready: dict[bool, list[User]] = {False: [], True: []}
        self.pipeline_token = ""
        self.sessions: dict[str, str] = {}
        """The key of a session of each user by name: signing in takes a second, most of it for the password."""
        self._make()

    def take(self, *, is_superuser: bool = False) -> User:
        """Return a user that no test has used."""
        if not self._ready[is_superuser]:
            self._make()
        return self._ready[is_superuser].pop()

    def _make(self) -> None:
        password = secrets.token_urlsafe(12)  # the same for all, since hashing is deliberately slow
        wanted = [(f"user-{secrets.token_hex(4)}", number >= 60) for number in range(64)]
        output = self._server.manage("shell", "--command", _MAKE_USERS.format(wanted=wanted, password=password))
        made, self.pipeline_token = json.loads(output.partition("USERS")[2])
        for (_, is_superuser), (name, token, session) in zip(wanted, made, strict=True):
            self.sessions[name] = session
            self._ready[is_superuser].append(User(name, password, token))


@pytest.fixture(scope="session")
def users(server: BackendServer) -> UserPool:
    return UserPool(server)


@pytest.fixture(scope="session")
def watcher(server: BackendServer, users: UserPool) -> Watcher:
    return Watcher(server, users.pipeline_token)


SignIn = Callable[..., AbstractContextManager[Visit]]


@pytest.fixture
def sign_in(browser: Browser, server: BackendServer, users: UserPool) -> SignIn:
    """`with sign_in(user, size=PHONE) as visit:`; without a user it is a new one with no camera."""

    @contextmanager
    def visit_as(
        user: User | None = None,
        *,
        size: ViewportSize = DESKTOP,
        theme: str = "dark",
        anonymous: bool = False,
        locale: str = "en-GB",
        own: BackendServer | None = None,
    ) -> Iterator[Visit]:
        used = own or server
        known = user or (own.create_user("anna") if own is not None else users.take())
        context = browser.new_context(
            viewport=size,
            color_scheme="light" if theme == "light" else "dark",
            timezone_id="Asia/Tokyo",
            locale=locale,
            has_touch=size is PHONE,
        )
        problems = Problems()
        context.set_default_timeout(60_000)
        page = context.new_page()
        problems.watch(page)
        visit = Visit(page, known, problems, used)
        try:
            if known.username in users.sessions and not anonymous:
                session = users.sessions[known.username]
                context.add_cookies([{"name": "sessionid", "value": session, "url": used.url}])
                visit.open("/dashboard/")
            elif not anonymous:
                enter(visit)
            yield visit
            assert problems.found == []
        finally:
            context.close()

    return visit_as


def enter(visit: Visit, path: str = "/dashboard/") -> None:
    """Sign in with the page's form."""
    visit.open(path)
    visit.page.fill("#id_username", visit.user.username)
    visit.page.fill("#id_password", visit.user.password)
    visit.page.click("button[type=submit]")
    visit.page.wait_for_url(f"**{path}")


@pytest.fixture
def visit(sign_in: SignIn) -> Iterator[Visit]:
    """A new user on a desktop."""
    with sign_in() as signed_in:
        yield signed_in
