"""Pure functions: no Django, no clock, no database. Tests call them directly."""
