"""Vigil's Django apps except `surveillance`, under one parent so that no generic package name is installed."""
