"""Detector tokens: batched requests, and failures limited to their camera."""

import asyncio
from collections.abc import Collection

import pytest

from vigil_contracts.api_client import ApiError
from vigil_contracts.detector_tokens import TOKENS_AT_ONCE
from vigil_operator.sync.tokens import DetectorTokens


class Api:
    """Answers when it is let."""

    def __init__(self) -> None:
        self.requests: list[list[int]] = []
        self.unknown: set[int] = set()
        self.failure: Exception | None = None
        self.may_answer = asyncio.Event()

    async def issue_detector_tokens(self, camera_ids: Collection[int]) -> dict[int, str]:
        self.requests.append(sorted(camera_ids))
        await self.may_answer.wait()
        if self.failure is not None:
            raise self.failure
        return {camera_id: f"token-{camera_id}" for camera_id in camera_ids if camera_id not in self.unknown}


async def ask(tokens: DetectorTokens, api: Api, camera_ids: Collection[int]) -> list[str | BaseException]:
    """The first is on its way when the others ask."""
    asking = [asyncio.create_task(tokens.issue_detector_token(camera_id)) for camera_id in camera_ids]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    api.may_answer.set()
    return await asyncio.wait_for(asyncio.gather(*asking, return_exceptions=True), timeout=10)


def test_requests_during_a_call_go_into_the_next_batch() -> None:
    async def main() -> None:
        api = Api()
        tokens = DetectorTokens(api)
        first = asyncio.create_task(tokens.issue_detector_token(1))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        count = TOKENS_AT_ONCE + 20
        answers = await ask(tokens, api, range(2, 2 + count))
        assert await first == "token-1"
        assert answers == [f"token-{camera_id}" for camera_id in range(2, 2 + count)]
        assert [len(request) for request in api.requests] == [1, TOKENS_AT_ONCE, 20]
        assert await tokens.issue_detector_token(7) == "token-7", "and again later"

    asyncio.run(main())


def test_requests_right_after_an_answer_share_the_next_one() -> None:
    async def main() -> None:
        api = Api()
        api.may_answer.set()
        tokens = DetectorTokens(api)
        await tokens.issue_detector_token(1)
        asking = []
        for camera_id in (2, 3, 4):
            asking.append(asyncio.create_task(tokens.issue_detector_token(camera_id)))
            await asyncio.sleep(0)
        await asyncio.gather(*asking)
        assert api.requests == [[1], [2, 3, 4]]

    asyncio.run(main())


def test_unknown_camera_fails_alone() -> None:
    async def main() -> None:
        api = Api()
        api.unknown = {2}
        first, second, third = await ask(DetectorTokens(api), api, (1, 2, 3))
        assert (first, third) == ("token-1", "token-3")
        assert isinstance(second, ApiError)
        assert second.status == 404

    asyncio.run(main())


def test_api_outage_fails_all_waiting_requests_and_is_retried() -> None:
    async def main() -> None:
        api = Api()
        api.failure = ApiError("POST /api/detector-tokens/: ConnectError")
        tokens = DetectorTokens(api)
        assert await ask(tokens, api, (1, 2)) == [api.failure, api.failure]
        api.failure = None
        assert await tokens.issue_detector_token(1) == "token-1"

    asyncio.run(main())


def test_former_leader_requests_no_tokens() -> None:
    async def main() -> None:
        def fence() -> None:
            raise PermissionError

        api = Api()
        (answer,) = await ask(DetectorTokens(api, fence), api, (1,))
        assert isinstance(answer, PermissionError)
        assert api.requests == []

    asyncio.run(main())


def test_cancelled_requests() -> None:
    async def main() -> None:
        api = Api()
        tokens = DetectorTokens(api)
        asking = [asyncio.create_task(tokens.issue_detector_token(camera_id)) for camera_id in (1, 2)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        asking[0].cancel()
        api.may_answer.set()
        assert await asking[1] == "token-2"

        api.may_answer.clear()
        left = asyncio.create_task(tokens.issue_detector_token(3))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        (request,) = [task for task in asyncio.all_tasks() if task.get_name() == "detector tokens"]
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(left, timeout=10)

    asyncio.run(main())
