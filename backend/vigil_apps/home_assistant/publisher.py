"""The publisher: a thread of each backend process, of which one at a time holds the lease and serves the broker."""

import atexit
import logging
import threading
import time
import uuid
from contextlib import suppress

from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from surveillance.services.camera_list import object_reports_set
from surveillance.wakeups import ALERTS, HEALTH, is_only_process, poll_seconds
from vigil_apps.home_assistant.broker import Connection
from vigil_apps.home_assistant.core.settings import Broker
from vigil_apps.home_assistant.core.topics import Topics
from vigil_apps.home_assistant.models import HomeAssistant
from vigil_apps.home_assistant.selectors import (
    broker_of,
    has_devices_to_remove,
    home_assistant,
    is_publishing,
    is_url_unreadable,
)
from vigil_apps.home_assistant.services import CHANGED, connection_record, lease_acquire, lease_release
from vigil_apps.home_assistant.session import Session

logger = logging.getLogger(__name__)

SETTINGS_SECONDS = 3.0
"""How often settings are read and the lease is renewed."""
DISABLED_SECONDS = 30.0
"""The same while the integration is disabled and this is the only process: a change of the settings wakes it."""
POLL_SECONDS = 0.15
EXPIRY_SECONDS = 1.0
"""How often, at least, cameras whose detector is silent are looked for."""
STOP_SECONDS = 5.0
PAUSE_SECONDS = 0.1
"""Minimum time between two reads, so that many reports at once are read together."""
URL_UNREADABLE = "the broker's URL cannot be read: its key is not in VIGIL_CREDENTIAL_KEYS; enter the URL again"


class Publisher(threading.Thread):
    """Runs until `stop`. Does nothing but read the settings while the integration is disabled."""

    def __init__(self) -> None:
        super().__init__(name="home-assistant", daemon=True)
        self._holder = uuid.uuid4().hex
        self._news = threading.Event()
        self._settings_news = _SettingsNews(self)
        self._stopping = False
        self._connection: Connection | None = None
        self._session: Session | None = None
        self._place: tuple[object, ...] = ()
        self._choice: tuple[object, ...] = ()
        self._row: HomeAssistant | None = None
        self._is_leaving = False
        """Whether the integration is disabled, and only its devices are still to be removed."""
        self._is_disabled = False
        """Whether there was nothing to do when the settings were last read."""
        self._recorded: tuple[bool, str] | None = None
        self._connections = 0
        self._settings_at = -SETTINGS_SECONDS

    def wake(self) -> None:
        """Publish soon; callable from any thread."""
        self._news.set()

    def reread(self) -> None:
        """Read the settings soon; callable from any thread."""
        self._settings_at = -SETTINGS_SECONDS
        self.wake()

    def run(self) -> None:
        """Run the loop."""
        CHANGED.add(self._settings_news)
        while not self._stopping:
            self._news.wait(self._pause_seconds())
            self._news.clear()
            if not self._stopping:
                self.turn()
                time.sleep(PAUSE_SECONDS)

    def stop(self) -> None:
        """End the loop, disconnect, and let another process publish."""
        self._stopping = True
        self.wake()
        if self.is_alive():
            self.join(STOP_SECONDS)
        CHANGED.discard(self._settings_news)
        if self._connection is not None:
            self._disconnect()
            with suppress(DatabaseError):
                lease_release(holder=self._holder)

    def turn(self) -> None:
        """Run once. Errors are logged, and the next run begins again."""
        try:
            close_old_connections()
            self._turn()
        except Exception as error:  # noqa: BLE001 the thread must survive every error
            logger.warning("could not publish to Home Assistant: %s; retrying", type(error).__name__)
            self._session = None
            self._is_disabled = False
        finally:
            close_old_connections()

    def _pause_seconds(self) -> float:
        if self._connection is None:
            return DISABLED_SECONDS if self._is_disabled and is_only_process() else poll_seconds(SETTINGS_SECONDS)
        return min(poll_seconds(POLL_SECONDS), EXPIRY_SECONDS)

    def _turn(self) -> None:
        if time.monotonic() - self._settings_at >= SETTINGS_SECONDS:
            self._settings_at = time.monotonic()
            self._follow_settings()
        if self._connection is not None and self._row is not None:
            if self._is_leaving:
                return self._remove_devices()
            self._record(self._connection)
            if self._connection.is_connected:
                self._serve(self._connection, self._row)
        return None

    def _record(self, connection: Connection) -> None:
        """Store the state of the connection if it has changed."""
        state = connection.is_connected, connection.problem
        if state != self._recorded:
            connection_record(is_connected=state[0], problem=state[1])
            self._recorded = state

    def _follow_settings(self) -> None:
        """Connect, reconnect or disconnect as the settings and the lease require."""
        row = home_assistant()
        is_wanted = is_publishing(row)
        self._is_disabled = False
        object_reports_set(is_on=is_wanted, now=timezone.now())
        if is_wanted and is_url_unreadable(row):
            connection_record(is_connected=False, problem=URL_UNREADABLE)
            return self._disconnect()
        self._note_leaving(is_leaving=has_devices_to_remove(row) and not is_url_unreadable(row))
        if not is_wanted and not self._is_leaving:
            self._leave()
            self._is_disabled = True
            return None
        if not lease_acquire(holder=self._holder, now=timezone.now(), is_only_process=is_only_process()):
            return self._disconnect()
        row = home_assistant()  # with the position that the former holder has stored
        broker, choice = broker_of(row), (tuple(row.sites), row.acts_as_id)
        place = broker, row.discovery_prefix, row.instance
        if self._connection is not None and place != self._place:
            self._remove_devices()
            self._disconnect()
        if self._connection is None:
            self._connect(row, broker)
            self._place = place
        if choice != self._choice:
            self._session = None
        self._row, self._choice = row, choice
        return None

    def _connect(self, row: HomeAssistant, broker: Broker) -> None:
        self._connection = Connection(broker, Topics(row.instance, row.discovery_prefix), self.wake)
        self._connections = 0
        for news in (ALERTS, HEALTH):
            news.add(self)

    def _disconnect(self) -> None:
        for news in (ALERTS, HEALTH):
            news.discard(self)
        connection, self._connection, self._session = self._connection, None, None
        self._recorded = None
        if connection is not None:
            connection.close()

    def _note_leaving(self, *, is_leaving: bool) -> None:
        """Note whether only the devices are still to be removed, also if the broker is unreachable until then."""
        if is_leaving and not self._is_leaving:
            logger.info("the integration with Home Assistant is disabled; removing its devices from the broker")
        self._is_leaving = is_leaving

    def _leave(self) -> None:
        """Disconnect after the integration was disabled and its devices were removed."""
        if self._connection is None:
            return
        self._disconnect()
        lease_release(holder=self._holder)
        connection_record(is_connected=False, problem="")

    def _remove_devices(self) -> None:
        if self._connection is not None and self._connection.is_connected and self._row is not None:
            (self._session or Session(self._row, self._connection)).remove_all()

    def _serve(self, connection: Connection, row: HomeAssistant) -> None:
        if self._session is None:
            self._session = Session(row, connection)
        if connection.connections != self._connections:
            self._connections = connection.connections
            logger.info("connected to the MQTT broker for Home Assistant")
            self._session.repeat()
        while (received := connection.take()) is not None:
            self._session.handle(*received)
        self._session.turn(timezone.now())


class _SettingsNews:
    """Makes a publisher read changed settings."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    def wake(self) -> None:
        """Read them soon."""
        self._publisher.reread()


def start() -> Publisher:
    """Start this process's publisher."""
    publisher = Publisher()
    publisher.start()
    atexit.register(publisher.stop)
    return publisher
