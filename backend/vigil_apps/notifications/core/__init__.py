"""Decisions of notifications, without Django or a network."""
