"""The detector as a program: which cameras run, what the API asks for, and /metrics."""
