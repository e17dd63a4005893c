"""Vigil on one machine without a cluster: backend, standalone pipeline and demo camera with one command."""
