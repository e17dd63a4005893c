"""A database engine of Django's: PostgreSQL by psycopg2, with connections that outlive a request."""
