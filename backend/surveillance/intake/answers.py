"""Answer groups of requests with the steps of their views, but with one database query for all tokens of a group.

Alerts of `SendAlertView` are also stored together; polls of `ActiveCamerasView` are answered if nothing has changed.
"""

import io
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

from django.core.handlers.asgi import ASGIRequest
from django.db import close_old_connections
from django.http import HttpResponse
from django.utils import timezone
from django.utils.datastructures import MultiValueDict
from django.utils.log import log_response
from rest_framework.response import Response
from rest_framework.views import APIView

from surveillance.api.detectors import ActiveCamerasView, SendAlertView, SharedTokens
from surveillance.core.plain_form import plain_form
from surveillance.selectors.camera_list import CAMERA_LIST_VERSION, ListVersion
from surveillance.services.alert_intake import Outcome, SentAlert, alerts_receive
from vigil_apps.accounts.authentication import digest_of, recent_valid_tokens, recent_valid_tokens_and
from vigil_apps.accounts.models import AuthToken
from vigil_apps.web.header_chain import HeaderChain, Headers

logger = logging.getLogger(__name__)
_header_chain = HeaderChain()


@dataclass(frozen=True, slots=True)
class Sent:
    """A request: its ASGI scope, the token in its header, and its whole body."""

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


class _InMemoryRequest(ASGIRequest):
    """A request whose body is in memory; a detector's form is read without Django's parser."""

    def __init__(self, sent: Sent) -> None:
        super().__init__(dict(sent.scope), io.BytesIO(sent.body))
        self._sent = sent

    def _load_post_and_files(self) -> None:
        form = plain_form(self.META.get("CONTENT_TYPE", "").encode("latin1"), self._sent.body, file="image")
        if form is None:
            super()._load_post_and_files()
            return
        self._post = MultiValueDict({name: [value] for name, value in form.fields.items()})
        self._files = MultiValueDict({} if form.file is None else {"image": [io.BytesIO(form.file)]})


class _Visit:
    """One request to a view: REST framework's `dispatch`, in separate steps."""

    def __init__(self, view: SharedTokens, sent: Sent) -> None:
        self._http = _InMemoryRequest(sent)
        self._http.get_host()  # raises DisallowedHost
        self._view = cast("APIView", view)
        self._view.setup(self._http)
        self.request = self._view.request = self._view.initialize_request(self._http)
        self._view.headers = self._view.default_response_headers

    def begin(self) -> None:
        """Check the token, its scope and the rate limit. Raises an API error."""
        self._view.initial(self.request)

    def answer(self, made: Callable[[], Any]) -> Answer:
        """Return the response that `made` returns or raises. Raises errors that are not the API's."""
        try:
            response = made()
        except Exception as error:  # noqa: BLE001 as `dispatch` does
            response = self._view.handle_exception(error)
        return _as_answer(self._http, self._view.finalize_response(self.request, response))


class _AlertVisit(_Visit):
    """One request to `SendAlertView`, split where the alerts are stored."""

    def __init__(self, sent: Sent, tokens: Mapping[str, AuthToken]) -> None:
        self._alerts = SendAlertView(tokens=tokens)
        super().__init__(self._alerts, sent)

    def sent_alert(self) -> SentAlert | Exception:
        """Return the alert, or the error of the view: token, scope, rate limit, or form."""
        try:
            self.begin()
            return self._alerts.sent_alert(self.request)
        except Exception as error:  # noqa: BLE001 as `dispatch` does
            return error

    def response_to(self, outcome: Outcome | Exception) -> Answer:
        """Return the response about the alert. Raises errors that are not the API's."""
        return self.answer(lambda: self._alerts.response_to(outcome))


Work = Callable[[Sequence[Sent]], list[Answer | None]]
"""Returns one response per request; None: Django must handle this request."""


def in_thread(work: Work) -> Work:
    """Return `work` for a thread without a Django request: it releases its database connection."""

    def call(group: Sequence[Sent]) -> list[Answer | None]:
        try:
            return work(group)
        except Exception as error:  # noqa: BLE001 Django meets the error again, and answers and logs it as any other
            logger.warning(
                "could not answer %d requests together: %s; passing each to Django", len(group), type(error).__name__
            )
            return [None] * len(group)
        finally:
            close_old_connections()

    return call


def poll_answers(group: Sequence[Sent]) -> list[Answer | None]:
    """Return the responses of polls since which nothing has changed; all others are Django's."""
    tokens, version = recent_valid_tokens_and(CAMERA_LIST_VERSION, {digest_of(sent.token) for sent in group})
    known = ListVersion.read(version) or ListVersion()
    return [_poll_answer(sent, tokens, known) for sent in group]


def _poll_answer(sent: Sent, tokens: Mapping[str, AuthToken], version: ListVersion) -> Answer | None:
    try:
        view = ActiveCamerasView(tokens=tokens, version=version)
        visit = _Visit(view, sent)
        visit.begin()
        unchanged = view.unchanged(visit.request)
        if unchanged is None or unchanged.status_code != HTTPStatus.NOT_MODIFIED:
            return None
        return visit.answer(lambda: unchanged)
    except Exception:  # noqa: BLE001 such as an invalid token: Django meets the error again, and answers it
        return None


def answers(group: Sequence[Sent]) -> list[Answer | None]:
    """Store the alerts and return the responses. None: Django must handle this request."""
    tokens = recent_valid_tokens({digest_of(sent.token) for sent in group})
    visits = [_visit(sent, tokens) for sent in group]
    alerts = [visit.sent_alert() if visit is not None else None for visit in visits]
    outcomes = iter(alerts_receive([one for one in alerts if isinstance(one, SentAlert)], now=timezone.now()))
    return [
        _answer(visit, next(outcomes) if isinstance(alert, SentAlert) else alert)
        for visit, alert in zip(visits, alerts, strict=True)
    ]


def _visit(sent: Sent, tokens: Mapping[str, AuthToken]) -> _AlertVisit | None:
    try:
        return _AlertVisit(sent, tokens)
    except Exception:  # noqa: BLE001 such as a host that is not served: Django's middleware has the answer
        return None


def _answer(visit: _AlertVisit | None, outcome: Outcome | Exception | None) -> Answer | None:
    if visit is None or outcome is None:
        return None
    try:
        return visit.response_to(outcome)
    except Exception as error:  # noqa: BLE001 Django logs it, and answers 500
        logger.warning("could not answer an alert: %s; passing it to Django", type(error).__name__)
        return None


def _as_answer(http: ASGIRequest, response: HttpResponse) -> Answer:
    if isinstance(response, Response):
        response.render()
    headers = _header_chain.headers_of(response, http)
    if response.status_code >= 400:
        log_response("%s: %s", response.reason_phrase, http.path, response=response, request=http)
    return Answer(response.status_code, headers, response.content, http.is_secure())
