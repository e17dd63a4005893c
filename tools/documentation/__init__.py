"""Generate the reference pages of the documentation site from the sources."""
