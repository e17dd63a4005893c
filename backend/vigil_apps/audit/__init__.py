"""The audit log: who changed what, when, and from where. Entries are written in the change's transaction, once."""
