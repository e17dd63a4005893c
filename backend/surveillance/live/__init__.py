"""Live view: relays frames from one detector to any number of viewers, none of which delays another."""
