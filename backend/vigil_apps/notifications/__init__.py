"""Notifications: who is told of which alerts, how and when, and the outbox that loses none of them."""
