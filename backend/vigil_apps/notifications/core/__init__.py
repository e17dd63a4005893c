"""Decisions about notifications, without Django or network access."""
