"""Shared contracts of Vigil's three programs: names, schemas, stream URLs, and the API client.

The programs communicate only through the HTTP API and the custom resources; this package is their only shared code.
It imports pydantic (and httpx in `api_client`), and none of the programs.
"""
