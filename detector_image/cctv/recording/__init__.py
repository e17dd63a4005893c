"""Record a camera's packets as segments of fragmented MP4."""
