"""Frames, events, and what threads need; every part of the detector may use it, and it uses none of them."""
