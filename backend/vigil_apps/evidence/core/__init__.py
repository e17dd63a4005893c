"""Pure functions of exports."""
