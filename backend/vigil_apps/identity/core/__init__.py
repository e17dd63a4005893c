"""Providers and group mappings without input, output or Django."""
