"""Endpoints of recordings."""
