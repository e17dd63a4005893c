"""Pure functions without Django, clock or database, for direct tests."""
