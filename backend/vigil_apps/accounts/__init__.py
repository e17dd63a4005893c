"""Accounts: tokens with scopes, and the permission classes that check them."""
