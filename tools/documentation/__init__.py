"""The documentation site's reference pages, made from the sources while it is built."""
