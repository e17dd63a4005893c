"""Sign-in by identity providers (OpenID Connect), and access by their groups."""
