"""Who may do what: tokens with scopes, and the permission classes that read them."""
