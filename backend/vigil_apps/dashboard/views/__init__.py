"""Thin views: they check the user, read the data, and select the template."""
