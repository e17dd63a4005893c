"""Derive events from frames: motion, tracks, memory, tampering and images."""
