"""The dashboard: server-rendered pages that htmx updates."""
