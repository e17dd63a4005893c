"""What the three programs of Vigil agree on: names, wire schemas, the rendering of stream URLs, the API's client.

The programs meet in the HTTP API and in the custom resources only; this package is the one thing that they share.
It imports pydantic (and, in `api_client`, httpx) and none of the programs.
"""
