"""Bring alerts, live pictures and heartbeats to the API."""
