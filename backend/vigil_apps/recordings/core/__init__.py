"""Spans, timelines and playlists as pure functions."""
