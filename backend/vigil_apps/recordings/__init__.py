"""Recordings: an index of segments in the media storage, their timeline, playback and retention."""
