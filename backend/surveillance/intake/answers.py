"""Answer a group of alerts with the steps of `SendAlertView`, but with one database query for all of them."""

import io
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.db import close_old_connections
from django.http import HttpResponse
from django.utils import timezone
from django.utils.log import log_response
from rest_framework.response import Response

from surveillance.api.detectors import SendAlertView
from surveillance.services.alert_intake import Outcome, SentAlert, alerts_receive
from vigil_apps.accounts.authentication import digest_of, valid_tokens
from vigil_apps.accounts.models import AuthToken
from vigil_apps.web.header_chain import HeaderChain, Headers

logger = logging.getLogger(__name__)
_header_chain = HeaderChain()


@dataclass(frozen=True, slots=True)
class Sent:
    """A request to store an alert: its ASGI scope, the token in its header, and its whole body."""

    scope: Mapping[str, Any]
    token: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """The response that Django would send."""

    status: int
    headers: Headers
    body: bytes
    is_secure: bool


class _Visit:
    """One request to the view: REST framework's `dispatch`, split where the alerts are stored."""

    def __init__(self, sent: Sent, tokens: Mapping[str, AuthToken]) -> None:
        self._http = ASGIRequest(dict(sent.scope), io.BytesIO(sent.body))
        self._http.get_host()  # raises DisallowedHost
        self._view = SendAlertView(tokens=tokens)
        self._view.setup(self._http)
        self._request = self._view.request = self._view.initialize_request(self._http)
        self._view.headers = self._view.default_response_headers

    def sent_alert(self) -> SentAlert | Exception:
        """Return the alert, or the error of the view: token, scope, rate limit, or form."""
        try:
            self._view.initial(self._request)
            return self._view.sent_alert(self._request)
        except Exception as error:  # noqa: BLE001 as `dispatch` does
            return error

    def answer(self, outcome: Outcome | Exception) -> Answer:
        """Return the response. Raises errors that are not the API's."""
        try:
            response = self._view.response_to(outcome)
        except Exception as error:  # noqa: BLE001 as `dispatch` does
            response = self._view.handle_exception(error)
        return _as_answer(self._http, self._view.finalize_response(self._request, response))


def answers_in_thread(group: Sequence[Sent]) -> list[Answer | None]:
    """Call `answers` in a thread without a Django request, and release its database connection."""
    try:
        return answers(group)
    except Exception as error:  # noqa: BLE001 Django meets the error again, and answers and logs it as any other
        logger.warning(
            "could not answer %d alerts together: %s; passing each to Django", len(group), type(error).__name__
        )
        return [None] * len(group)
    finally:
        close_old_connections()


def answers(group: Sequence[Sent]) -> list[Answer | None]:
    """Store the alerts and return the responses. None: Django must handle this request."""
    tokens = valid_tokens({digest_of(sent.token) for sent in group})
    visits = [_visit(sent, tokens) for sent in group]
    alerts = [visit.sent_alert() if visit is not None else None for visit in visits]
    outcomes = iter(alerts_receive([one for one in alerts if isinstance(one, SentAlert)], now=timezone.now()))
    return [
        _answer(visit, next(outcomes) if isinstance(alert, SentAlert) else alert)
        for visit, alert in zip(visits, alerts, strict=True)
    ]


def _visit(sent: Sent, tokens: Mapping[str, AuthToken]) -> _Visit | None:
    try:
        return _Visit(sent, tokens)
    except Exception:  # noqa: BLE001 such as a host that is not served: Django's middleware has the answer
        return None


def _answer(visit: _Visit | None, outcome: Outcome | Exception | None) -> Answer | None:
    if visit is None or outcome is None:
        return None
    try:
        return visit.answer(outcome)
    except Exception as error:  # noqa: BLE001 Django logs it, and answers 500
        logger.warning("could not answer an alert: %s; passing it to Django", type(error).__name__)
        return None


def _as_answer(http: ASGIRequest, response: Response | HttpResponse) -> Answer:
    if isinstance(response, Response):
        response.render()
    headers = _header_chain.headers_of(response, http)
    if response.status_code >= 400:
        log_response("%s: %s", response.reason_phrase, http.path, response=response, request=http)
    return Answer(response.status_code, headers, response.content, http.is_secure())
