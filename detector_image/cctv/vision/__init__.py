"""Make events of frames: motion, tracks, memory, tampering and snapshots."""
