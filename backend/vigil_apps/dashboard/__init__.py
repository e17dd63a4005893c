"""What people look at: pages rendered on the server, kept fresh by htmx."""
