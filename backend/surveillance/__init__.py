"""Cameras, their health and their alerts."""
