"""Notifications: which users receive which alerts, how and when, and the outbox that delivers them reliably."""
