"""`alerts/stream/`: server-sent events (WHATWG HTML, section 9.2), without a thread or connection per viewer."""
