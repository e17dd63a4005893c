"""Endpoints of cases, exports and evidence keys."""
