"""Writing rows to PostgreSQL."""
