"""An invitation admits one person, even with concurrent use."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.integration.services.backend import BackendServer

pytestmark = pytest.mark.timeout(400)


def test_invitation_is_used_once_concurrently(backend: BackendServer) -> None:
    root = backend.create_user("root", is_superuser=True)
    people = 6
    for turn in range(3):
        with backend.client(root.token) as client:
            token = client.post("/api/invitations/", json={}).raise_for_status().json()["token"]
        barrier = threading.Barrier(people)

        def register(username: str, token: str = token, barrier: threading.Barrier = barrier) -> int:
            body = {"token": token, "username": username, "password": "a long enough pass phrase"}
            with backend.client() as client:
                barrier.wait(60)
                return client.post("/api/invitations/register/", json=body).status_code

        with ThreadPoolExecutor(people) as pool:
            statuses = sorted(pool.map(register, [f"person-{turn}-{number}" for number in range(people)]))
        assert statuses == [201] + [400] * (people - 1)
