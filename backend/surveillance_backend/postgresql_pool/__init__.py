"""A Django database engine: PostgreSQL by psycopg2, with connections that are reused across requests."""
