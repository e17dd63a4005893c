"""Shared contracts of Vigil's three programs: names, schemas, stream URLs, and the API client.

The programs communicate only through the HTTP API and the custom resources; this package is their only shared code.
It imports pydantic (and httpx in `api_client`), and none of the programs.
"""

import sys

# `import httpx` also loads its command line client, with rich and click if they are installed: 4 MB in each program.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
