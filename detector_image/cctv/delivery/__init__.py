"""Deliver alerts, live frames and heartbeats to the API."""
