"""Shared parts of the backend's HTTP layers: pagination, rate limits, errors, input, metrics. Imports no app."""
