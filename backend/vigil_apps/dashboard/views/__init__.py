"""Thin views: who asks, what they may see, which template."""
