"""Missing permissions are named by /readyz."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from vigil_operator.health import Health, build_application
from vigil_operator.kube.client import KubeClient, KubeError
from vigil_operator.kube.rights import RightsCheck

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


class Authorizer:
    """Answers access reviews. `denied`: verb and resource."""

    def __init__(self) -> None:
        self.denied: set[tuple[str, str]] = set()
        self.is_away = False

    async def request(
        self, method: str, path: str, content_type: str, body: Any
    ) -> tuple[int, Mapping[str, str], bytes]:
        if self.is_away:
            raise KubeError("POST: ClientConnectorError")
        assert (method, path) == ("POST", REVIEWS)
        asked = body["spec"]["resourceAttributes"]
        allowed = (asked["verb"], asked["resource"]) not in self.denied
        return 201, {}, json.dumps({**body, "status": {"allowed": allowed}}).encode()

    async def lines(self, path: str) -> AsyncIterator[bytes]:
        raise KubeError(f"GET {path}: a standby replica watches nothing")
        yield b""

    async def close(self) -> None:
        """Nothing is open."""


def readyz(authorizer: Authorizer, check: RightsCheck) -> tuple[int, list[str]]:
    health = Health()
    health.role, health.missing_rights = "active", check.problems

    async def main() -> tuple[int, list[str]]:
        await check.check()
        async with TestClient(TestServer(build_application(health, CollectorRegistry()))) as client:
            answer = await client.get("/readyz")
            return answer.status, (await answer.text()).split("\n")

    return asyncio.run(main())


def test_readyz_names_missing_permissions_until_they_are_granted() -> None:
    authorizer = Authorizer()
    check = RightsCheck(KubeClient(authorizer), cameras=["vigil-cameras"], lease="vigil-system")
    assert readyz(authorizer, check) == (200, ["active"])
    authorizer.denied = {("patch", "cameras"), ("delete", "secrets")}
    missing = [
        "missing permission: patch cameras.vigil.dev in the whole cluster",
        "missing permission: patch cameras/status.vigil.dev in the whole cluster",
        "missing permission: delete secrets in namespace vigil-cameras",
    ]
    assert readyz(authorizer, check) == (503, ["active", *missing])
    authorizer.is_away = True
    assert readyz(authorizer, check) == (503, ["active", *missing]), "without an answer the last one stands"
    authorizer.is_away, authorizer.denied = False, set()
    assert readyz(authorizer, check) == (200, ["active"])
