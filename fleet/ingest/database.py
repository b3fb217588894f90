"""Ingest's own way to the database: Django's connection and transaction, but server-side parameters and pipelines.

Django's cursor writes parameters into the statement, which costs more than the statement for long arrays; psycopg's
own cursor sends them apart and prepares what is repeated.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import connection


def cursor() -> psycopg.Cursor:
    """A psycopg cursor on Django's connection, inside Django's transaction. Its errors are psycopg's own."""
    connection.ensure_connection()
    return psycopg.Cursor(connection.connection)


@contextmanager
def pipeline() -> Iterator[None]:
    """Statements in here go out together, for one wait instead of one each."""
    connection.ensure_connection()
    with connection.connection.pipeline():
        yield
