"""Detectors' tokens from the API, those of many cameras in one request.

A request is on its way for one camera, and the cameras that ask meanwhile go together into the next: one camera waits
for nobody, and those that are worked on at the same time cost the API one request.
"""

import asyncio
from collections.abc import Callable, Collection
from typing import Protocol

from vigil_contracts.api_client import ApiError
from vigil_contracts.detector_tokens import TOKENS_AT_ONCE


class TokenSource(Protocol):
    """The part of the API client that this needs."""

    async def issue_detector_tokens(self, camera_ids: Collection[int]) -> dict[int, str]:
        """See `AsyncApiClient`."""


class DetectorTokens:
    """For one event loop. Before each request `fence` may raise: only a leader ends former tokens."""

    def __init__(self, api: TokenSource, fence: Callable[[], None] = lambda: None) -> None:
        self._api, self._fence = api, fence
        self._waiting: dict[int, asyncio.Future[str]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def issue_detector_token(self, camera_id: int) -> str:
        """A new token that reaches this one camera. Raises `ApiError`."""
        answer = self._waiting.get(camera_id)
        if answer is None:
            answer = self._waiting[camera_id] = asyncio.get_running_loop().create_future()
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask(), name="detector tokens")
        return await answer

    async def _ask(self) -> None:
        while self._waiting:
            asked = {camera_id: self._waiting.pop(camera_id) for camera_id in list(self._waiting)[:TOKENS_AT_ONCE]}
            try:
                for camera_id, answer in (await self._answers(asked)).items():
                    _tell(asked[camera_id], answer)
            finally:
                for unanswered in asked.values():  # nobody waits for what has been cancelled
                    unanswered.cancel()

    async def _answers(self, camera_ids: Collection[int]) -> dict[int, str | Exception]:
        try:
            self._fence()
            tokens = await self._api.issue_detector_tokens(camera_ids)
        except Exception as error:  # noqa: BLE001 - told to those who have asked
            return dict.fromkeys(camera_ids, error)
        unknown = ApiError("POST /api/detector-tokens/: the API knows the camera no more", status=404)
        return {camera_id: tokens.get(camera_id, unknown) for camera_id in camera_ids}


def _tell(waiting: asyncio.Future[str], answer: str | Exception) -> None:
    if waiting.done():  # whoever asked has been cancelled
        return
    if isinstance(answer, Exception):
        waiting.set_exception(answer)
    else:
        waiting.set_result(answer)
