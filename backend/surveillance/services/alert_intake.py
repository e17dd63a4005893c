"""Receive alerts from detectors: validate them, apply the limits, and store them.

The view passes one alert, the fast intake all alerts that wait at the same time. The outcomes are the same.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter
from typing import Any

from django.db import DatabaseError, connection
from django.http import Http404
from rest_framework.exceptions import Throttled

from surveillance import metrics
from surveillance.core.validation import InvalidInputError, parse
from surveillance.models import Camera
from surveillance.selectors.access import may_send
from surveillance.selectors.cameras import cameras_by_name_only
from surveillance.services.alerts import REFUSALS, Arrival, Refusal, Stored, alert_store, alerts_store
from vigil_apps.accounts.principal import Principal
from vigil_apps.web.rate_limits import require_rate
from vigil_contracts.alert import AlertSubmission

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SentAlert:
    """An alert as sent, not validated yet."""

    sender: Principal
    fields: Mapping[str, Any]
    image: bytes | None


Outcome = Stored | Refusal | Http404 | Throttled | DatabaseError
"""The stored alert, or the error for its sender."""


def alerts_receive(sent: Sequence[SentAlert], *, now: datetime) -> list[Outcome]:
    """Store each alert once and return the outcomes in the order of `sent`. One alert never affects another."""
    began = perf_counter()
    submissions = [_parsed(one) for one in sent]
    cameras = cameras_by_name_only({one.camera for one in submissions if isinstance(one, AlertSubmission)})
    checked = [_checked(one, submission, cameras) for one, submission in zip(sent, submissions, strict=True)]
    outcomes = iter(_stored([one for one in checked if isinstance(one, Arrival)], now))
    answered = [next(outcomes) if isinstance(one, Arrival) else one for one in checked]
    for outcome in answered:
        if isinstance(outcome, Stored):
            metrics.ALERT_INGEST_SECONDS.observe(perf_counter() - began)
            if outcome.is_new:
                metrics.ALERTS.labels(outcome.alert.alert_type).inc()
    return answered


def _parsed(one: SentAlert) -> AlertSubmission | InvalidInputError:
    try:
        return parse(AlertSubmission, one.fields)
    except InvalidInputError as error:
        return error


def _checked(
    one: SentAlert, submission: AlertSubmission | InvalidInputError, cameras: Mapping[int, Camera]
) -> Arrival | InvalidInputError | Http404 | Throttled:
    if isinstance(submission, InvalidInputError):
        return submission
    camera = cameras.get(submission.camera)
    if camera is None or not may_send(one.sender, camera.pk):
        return Http404()
    try:
        require_rate("camera", str(camera.pk))
    except Throttled as error:
        return error
    return Arrival(camera, submission, one.image)


def _stored(arrivals: Sequence[Arrival], now: datetime) -> Sequence[Stored | Refusal | DatabaseError]:
    """Store all alerts in one transaction. If it fails, store each by itself, so that one cannot block the others."""
    if len(arrivals) > 1:
        try:
            return alerts_store(arrivals=arrivals, now=now)
        except DatabaseError as error:
            logger.warning(
                "could not store %d alerts together: %s; storing each", len(arrivals), type(error).__name__
            )
            if not connection.in_atomic_block:  # otherwise Django would close it and lose the outer transaction
                connection.close_if_unusable_or_obsolete()
    return [_store_alone(arrival, now) for arrival in arrivals]


def _store_alone(arrival: Arrival, now: datetime) -> Stored | Refusal | DatabaseError:
    try:
        return alert_store(arrival, now=now)
    except (*REFUSALS, DatabaseError) as error:
        return error
