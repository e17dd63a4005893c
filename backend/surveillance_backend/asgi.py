"""The ASGI application that gunicorn's uvicorn workers run."""

import gc
import os
import warnings
from typing import Any, cast

import django

gc.disable()  # what is imported lives until the end: looking for garbage in it takes an eighth of the start
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "surveillance_backend.settings")
django.setup(set_prefix=False)

from django.conf import settings  # noqa: E402 only once Django is set up
from django.core.exceptions import ImproperlyConfigured  # noqa: E402

from surveillance.event_streams.alerts import AlertStreams  # noqa: E402
from surveillance.event_streams.detector_tasks import TaskStreams  # noqa: E402
from surveillance.event_streams.handoff import PROXIED_SECONDS, Handoff  # noqa: E402
from surveillance.event_streams.recorded_frames import RecordedFrames  # noqa: E402
from surveillance.intake.answers import answers, in_thread, poll_answers  # noqa: E402
from surveillance.intake.application import AlertIntake, UnchangedPolls  # noqa: E402
from surveillance.live.demand import Demand  # noqa: E402
from surveillance.live.hub import Hub  # noqa: E402
from surveillance.live.intake import FrameIntake  # noqa: E402
from surveillance.live.viewers import LiveStreams, Snapshots  # noqa: E402
from surveillance_backend.body_limit import BodyLimit  # noqa: E402
from surveillance_backend.checks import configuration_errors  # noqa: E402
from surveillance_backend.handler import ThreadedHandler  # noqa: E402

_errors = configuration_errors()
if _errors:  # gunicorn runs no system checks: without this, the first request would fail instead of the start
    raise ImproperlyConfigured(" ".join(f"{error.msg} {error.hint or ''}" for error in _errors))

# Static files are small and read at once; Django warns each time that their iterator is not asynchronous.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")

_django = ThreadedHandler()
_hub = Hub(settings.VIGIL_REDIS_URL, Demand())
_streams = Handoff(
    cast("Any", _django),
    {
        "alerts": AlertStreams(),
        "detector-tasks": TaskStreams(),
        "live": LiveStreams(_hub),
        "snapshot": Snapshots(_hub),
        "recorded-frame": RecordedFrames(),
    },
    session_seconds=PROXIED_SECONDS if settings.VIGIL_REMOTE_USER_HEADER else None,
)
_frames = FrameIntake(_streams, _hub, cast("Any", _django))
_polls = UnchangedPolls(cast("Any", _frames), in_thread(poll_answers))
_intake = AlertIntake(cast("Any", _polls), in_thread(answers))
application = BodyLimit(cast("Any", _intake), settings.VIGIL_MAX_REQUEST_BYTES)
gc.freeze()  # later collections leave the imported objects out, too
gc.enable()
