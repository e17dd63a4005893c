"""Vigil's Django apps besides `surveillance`, under a parent so that no general name is installed."""
