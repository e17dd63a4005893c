"""Open a camera's stream, keep it open, and say what is wrong with it."""
