"""Cut clips of alerts from a stream's own packets, without encoding anything."""
