"""Endpoint of the Home Assistant integration."""
