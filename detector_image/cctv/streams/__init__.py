"""Open a camera's stream, keep it open, and classify its faults."""
