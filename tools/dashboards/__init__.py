"""Grafana dashboards, written by a program so that queries, units and links are alike everywhere."""
