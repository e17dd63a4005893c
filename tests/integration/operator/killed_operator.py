"""The operator with a failpoint: SIGKILL at its first write to the kind in VIGIL_TEST_KILL_AT.

`before PATTERN` or `after PATTERN`, a regular expression for the path of the API server; after: the server has
answered, and the operator has not read it yet.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Mapping

from vigil_operator.__main__ import main
from vigil_operator.kube.client import AioTransport

MOMENT, _, PATTERN = os.environ["VIGIL_TEST_KILL_AT"].partition(" ")
send = AioTransport.request


async def request(
    self: AioTransport, method: str, path: str, content_type: str, body: object | None
) -> tuple[int, Mapping[str, str], bytes]:
    is_it = method != "GET" and re.search(PATTERN, path.partition("?")[0]) is not None
    if is_it and MOMENT == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    answer = await send(self, method, path, content_type, body)
    if is_it:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer


AioTransport.request = request  # type: ignore[method-assign]
sys.exit(main())
