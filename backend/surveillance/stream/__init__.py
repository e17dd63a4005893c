"""`alerts/stream/`: server-sent events (WHATWG HTML, section 9.2), with no thread or connection for each viewer."""
