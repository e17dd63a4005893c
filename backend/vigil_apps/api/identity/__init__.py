"""Endpoints of group mappings."""
