"""Who waits for a lock in the database of this test; other tests run beside it in others of the same server."""

from django.db import connection


def waiting_for_a_lock() -> int:
    """Connections to this database that wait for a lock. A lock on a transaction tells of no database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted AND pid IN (SELECT pid FROM pg_locks "
            "WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
        )
        return int(cursor.fetchone()[0])
