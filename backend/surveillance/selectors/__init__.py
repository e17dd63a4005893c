"""Reads. Whoever has no right to a row does not find it."""
