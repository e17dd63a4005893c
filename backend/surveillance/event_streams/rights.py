"""End streams whose user has lost the right to them: by token, account, session or camera.

A view checks a right once, and its stream runs for minutes. So each process reads the rights of all its streams
together every `CHECK_SECONDS`, in at most five queries. It polls, since that works across processes and on every
database. SQLite says cheaply whether anything was written since the last read.
"""

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import close_old_connections, connection
from django.utils import timezone

from surveillance.models import Camera
from surveillance.selectors.access import viewers_of
from vigil_apps.accounts.models import AuthToken

logger = logging.getLogger(__name__)

CHECK_SECONDS = 2.0
"""A revocation must reach every stream within 5 s, even on a slow database."""


@dataclass(frozen=True, slots=True)
class Right:
    """What a stream depends on. A client without `token` (its public id) was authenticated by `session`.

    `needs_superuser`: the stream's content requires it. `camera_id`: the only camera that it shows.
    """

    user_id: int
    token: str = ""
    session: str = ""
    password_mark: str = ""
    needs_superuser: bool = False
    camera_id: int | None = None

    def as_text(self) -> str:
        """Return a text without spaces, for `from_text`."""
        return ":".join(_part(value) for value in astuple(self))

    @classmethod
    def from_text(cls, text: str) -> "Right":
        """Parse the result of `as_text`."""
        user_id, token, session, mark, needs_superuser, camera_id = text.split(":")
        return cls(int(user_id), token, session, mark, needs_superuser == "1", int(camera_id) if camera_id else None)


def _part(value: object) -> str:
    return "" if value is None else str(int(value) if isinstance(value, bool) else value)


def password_mark(user: User) -> str:
    """Return a mark that changes with the user's password, which ends their sessions."""
    return hashlib.sha256(user.get_session_auth_hash().encode()).hexdigest()[:16]


def lost_rights(rights: Collection[Right], now: datetime) -> set[Right]:
    """Return the rights that are no longer valid, in at most five queries."""
    known = _Known(rights, now)
    return {right for right in rights if not known.holds(right)}


class _Known:
    """The state of everything that the rights depend on, read at one moment."""

    def __init__(self, rights: Collection[Right], now: datetime) -> None:
        users = User.objects.filter(pk__in={right.user_id for right in rights}, is_active=True)
        self._users = {user.pk: user for user in users}
        self.expires_at: datetime | None = None
        """When the first of the tokens and sessions expires."""
        self._tokens = self._valid(AuthToken, "public_id", {right.token for right in rights}, now, expiry="expiry")
        self._sessions = self._valid(
            Session, "session_key", {right.session for right in rights}, now, expiry="expire_date"
        )
        wanted = {right.camera_id for right in rights if right.camera_id is not None}
        found = Camera.objects.filter(pk__in=wanted, is_active=True).defer("rtsp_url") if wanted else ()
        self._viewers = viewers_of(list(found))

    def _valid(self, model: Any, key: str, wanted: set[str], now: datetime, *, expiry: str) -> set[str]:
        """Return the keys of the rows that exist and have not expired."""
        wanted = wanted - {""}
        rows = model.objects.filter(**{f"{key}__in": wanted}).values_list(key, expiry) if wanted else ()
        valid = {str(found): ends_at for found, ends_at in rows if ends_at is None or ends_at > now}
        self.expires_at = min(filter(None, (self.expires_at, *valid.values())), default=None)
        return set(valid)

    def holds(self, right: Right) -> bool:
        """Return whether the stream may continue."""
        user = self._users.get(right.user_id)
        if user is None or (right.needs_superuser and not user.is_superuser):
            return False
        return self._is_signed_in(right, user) and (right.camera_id is None or self._sees(user, right.camera_id))

    def _is_signed_in(self, right: Right, user: User) -> bool:
        if right.token:
            return right.token in self._tokens
        return right.session in self._sessions and right.password_mark == password_mark(user)

    def _sees(self, user: User, camera_id: int) -> bool:
        viewers = self._viewers.get(camera_id)
        return viewers is not None and (user.is_superuser or user.pk in viewers)


class LostRights:
    """Finds the lost rights, in a thread where no request manages the database connection.

    It reads nothing while neither the database nor the rights have changed and none of them has expired.
    """

    def __init__(self) -> None:
        self._stamp: object = None
        self._held: Collection[Right] = frozenset()
        self._expires_at: datetime | None = None

    def __call__(self, rights: Collection[Right]) -> set[Right]:
        """Return the lost ones of these rights."""
        close_old_connections()
        try:
            return self._read(frozenset(rights), timezone.now())
        finally:
            close_old_connections()

    def _read(self, rights: frozenset[Right], now: datetime) -> set[Right]:
        stamp = database_stamp()  # before the rights: a change in between must be read the next time
        is_known = stamp is not None and stamp == self._stamp and rights == self._held
        if is_known and (self._expires_at is None or now < self._expires_at):
            return set()
        known = _Known(rights, now)
        lost = {right for right in rights if not known.holds(right)}
        self._stamp, self._held, self._expires_at = stamp, rights - lost, known.expires_at
        return lost


def database_stamp(database: Any = connection) -> object | None:
    """Return a value that changes when another connection or process commits; None if there is no cheap one.

    SQLite: `PRAGMA data_version`, which is comparable within one connection only.
    """
    if database.vendor != "sqlite" or database.is_in_memory_db():
        return None
    with database.cursor() as cursor:
        cursor.execute("PRAGMA data_version")
        return database.connection, cursor.fetchone()


class RightsWatch:
    """One per process; used by its event loop only."""

    def __init__(
        self, lost: Callable[[Collection[Right]], set[Right]] | None = None, check_seconds: float = CHECK_SECONDS
    ) -> None:
        self._lost, self._check_seconds = lost or LostRights(), check_seconds
        self._open: Counter[Right] = Counter()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="stream-rights")
        self._task: asyncio.Task[None] | None = None
        self._ended: dict[Right, asyncio.Event] = {}

    async def until_lost(self, right: Right) -> None:
        """Return once the right is lost; cancel it when the stream ends on its own."""
        self._open[right] += 1
        ended = self._ended.setdefault(right, asyncio.Event())
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        try:
            await ended.wait()
        finally:
            self._open[right] -= 1
            if not self._open[right]:
                del self._open[right]
                self._ended.pop(right, None)

    async def _run(self) -> None:
        while self._open:
            await asyncio.sleep(self._check_seconds)
            asked = list(self._open)
            try:
                lost = await asyncio.get_running_loop().run_in_executor(self._executor, self._lost, asked)
            except Exception as error:  # noqa: BLE001 streams survive an unavailable database
                logger.warning("could not read the rights of open streams: %s; retrying", type(error).__name__)
                continue
            for right in lost:
                if right in self._ended:
                    self._ended.pop(right).set()
