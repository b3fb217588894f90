"""A count of lock waiters in this test's database; other tests run in other databases of the same server."""

from django.db import connection


def waiting_for_a_lock() -> int:
    """Number of connections to this database that wait for a lock. A transaction lock does not name its database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted AND pid IN (SELECT pid FROM pg_locks "
            "WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
        )
        return int(cursor.fetchone()[0])
