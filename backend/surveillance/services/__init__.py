"""Writes. Every function takes keyword arguments only and leaves the database as it was when it raises."""
