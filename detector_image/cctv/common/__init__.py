"""Frames, events and threading tools. All parts of the detector may import this package; it imports none of them."""
