"""What a group of alerts is answered with."""

import io
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, cast

from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.db import connections
from django.http.multipartparser import MultiPartParser
from django.utils import timezone
from rest_framework.renderers import JSONRenderer

from surveillance import metrics
from surveillance.api.access import SENDERS
from surveillance.api.submitted import submitted
from surveillance.core.validation import parse
from surveillance.models import Camera
from surveillance.representations import alert_shown
from surveillance.selectors.access import may_send
from surveillance.selectors.cameras import cameras_by_name_only
from surveillance.services.alerts import Arrival, Refusal, Stored, alerts_store
from vigil_apps.accounts.authentication import digest_of, valid_tokens
from vigil_apps.accounts.models import AuthToken
from vigil_apps.accounts.principal import Principal
from vigil_apps.accounts.throttling import seconds_of_token
from vigil_apps.web.rate_limits import seconds_to_wait
from vigil_contracts.alert import AlertSubmission

logger = logging.getLogger(__name__)
FILE = "image"


@dataclass(frozen=True, slots=True)
class Sent:
    """A request to store an alert."""

    token: bytes
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """A status that says that the alert is stored, and the alert as JSON."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class _Read:
    token: AuthToken
    submission: AlertSubmission
    image: bytes | None


def answers_in_thread(group: Sequence[Sent]) -> list[Answer | None]:
    """`answers`, in a thread that has no request: its connection to the database goes back when it is done."""
    try:
        return answers(group)
    except Exception as error:  # noqa: BLE001 whatever it is, the view meets it again and says what it is
        logger.warning("alerts take the long way: %s", type(error).__name__)
        return [None] * len(group)
    finally:
        connections.close_all()


def answers(group: Sequence[Sent]) -> list[Answer | None]:
    """Stores the alerts. None: this one is not stored, and its request is the view's to answer."""
    began = perf_counter()
    tokens = valid_tokens({digest_of(sent.token) for sent in group})
    read = [_read(sent, tokens.get(digest_of(sent.token))) for sent in group]
    cameras = cameras_by_name_only({one.submission.camera for one in read if one is not None})
    arrivals = {
        number: Arrival(camera, one.submission, one.image)
        for number, one in enumerate(read)
        if one is not None and (camera := _camera(one, cameras)) is not None and _is_in_time(one, camera)
    }
    stored = dict(zip(arrivals, alerts_store(arrivals=list(arrivals.values()), now=timezone.now()), strict=True))
    answered = [_answer(stored.get(number)) for number in range(len(group))]
    for answer in answered:
        if answer is not None:
            metrics.ALERT_INGEST_SECONDS.observe(perf_counter() - began)
    return answered


def _read(sent: Sent, token: AuthToken | None) -> _Read | None:
    """The alert, if all of it is in order."""
    if token is None or token.scope not in SENDERS:
        return None
    meta = {"CONTENT_TYPE": sent.content_type, "CONTENT_LENGTH": str(len(sent.body))}
    try:
        data, files = MultiPartParser(meta, io.BytesIO(sent.body), [MemoryFileUploadHandler()]).parse()
        if FILE in data or set(files) - {FILE}:
            return None
        submission = parse(AlertSubmission, submitted(data, file=FILE, token_camera=token.camera_id))
        return _Read(token, submission, bytes(cast("Any", files[FILE]).read()) if FILE in files else None)
    except Exception:  # noqa: BLE001 a form can be wrong in many ways, and the view has the words for each
        return None


def _camera(read: _Read, cameras: Mapping[int, Camera]) -> Camera | None:
    """The alert's camera, if the token may send for it."""
    may = may_send(Principal.of_token(read.token), read.submission.camera)
    return cameras.get(read.submission.camera) if may else None


def _is_in_time(read: _Read, camera: Camera) -> bool:
    """Counts the alert, last of all that could refuse it: what the view refuses is the view's to count."""
    return not seconds_of_token(read.token) and not seconds_to_wait("camera", str(camera.pk))


def _answer(stored: Stored | Refusal | None) -> Answer | None:
    if not isinstance(stored, Stored):
        return None
    if stored.is_new:
        metrics.ALERTS.labels(stored.alert.alert_type).inc()
    return Answer(201 if stored.is_new else 200, JSONRenderer().render(alert_shown(stored.alert)))
