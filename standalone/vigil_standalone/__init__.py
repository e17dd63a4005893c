"""Vigil on one machine, with no cluster: the backend, the standalone pipeline and a demo camera under one command."""
