"""Write subscriptions, messages and the outbox."""
