"""Rows on their way into PostgreSQL."""
