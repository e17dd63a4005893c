"""The REST endpoints of the apps except `surveillance`; may import all of them."""
