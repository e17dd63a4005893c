"""Request detector tokens from the API, many in one request.

A single camera never waits. While a request is in flight, and for a moment after it, further cameras are collected
for the next one: cameras that are reconciled at the same time share a request.
"""

import asyncio
from collections.abc import Callable, Collection
from typing import Protocol

from vigil_contracts.api_client import ApiError
from vigil_contracts.detector_tokens import TOKENS_AT_ONCE

COLLECT_SECONDS = 0.05
"""Between two requests. A request costs about the same whether it asks for one token or for many."""


class TokenSource(Protocol):
    """The part of the API client that this needs."""

    async def issue_detector_tokens(self, camera_ids: Collection[int]) -> dict[int, str]:
        """See `AsyncApiClient`."""


class DetectorTokens:
    """For one event loop. `fence` is called before each request and may raise: only the leader revokes old tokens."""

    def __init__(self, api: TokenSource, fence: Callable[[], None] = lambda: None) -> None:
        self._api, self._fence = api, fence
        self._waiting: dict[int, asyncio.Future[str]] = {}
        self._request: asyncio.Task[None] | None = None

    async def issue_detector_token(self, camera_id: int) -> str:
        """Return a new token that can access this camera only. Raises `ApiError`."""
        answer = self._waiting.get(camera_id)
        if answer is None:
            answer = self._waiting[camera_id] = asyncio.get_running_loop().create_future()
        if self._request is None or self._request.done():
            self._request = asyncio.create_task(self._request_all(), name="detector tokens")
        return await answer

    async def _request_all(self) -> None:
        try:
            while self._waiting:
                await self._request_some()
                await asyncio.sleep(COLLECT_SECONDS)
        finally:
            for unanswered in self._waiting.values():  # after a cancellation no answer will come
                unanswered.cancel()
            self._waiting.clear()

    async def _request_some(self) -> None:
        asked = {camera_id: self._waiting.pop(camera_id) for camera_id in list(self._waiting)[:TOKENS_AT_ONCE]}
        try:
            for camera_id, answer in (await self._answers(asked)).items():
                _resolve(asked[camera_id], answer)
        finally:
            for unanswered in asked.values():  # as above
                unanswered.cancel()

    async def _answers(self, camera_ids: Collection[int]) -> dict[int, str | Exception]:
        try:
            self._fence()
            tokens = await self._api.issue_detector_tokens(camera_ids)
        except Exception as error:  # noqa: BLE001 - raised in the callers
            return dict.fromkeys(camera_ids, error)
        unknown = ApiError("POST /api/detector-tokens/: the API no longer knows the camera", status=404)
        return {camera_id: tokens.get(camera_id, unknown) for camera_id in camera_ids}


def _resolve(waiting: asyncio.Future[str], answer: str | Exception) -> None:
    if waiting.done():  # the caller was cancelled
        return
    if isinstance(answer, Exception):
        waiting.set_exception(answer)
    else:
        waiting.set_result(answer)
