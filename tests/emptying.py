"""Empty the tables after a test that commits, faster than Django's `flush`, which truncates every table.

Roost has hundreds of tables and partitions, and such a test writes to a few. `flush` took a second for each of a
thousand tests, more than most of them take themselves, and then created all permissions again.
"""

from django.db import connection, transaction
from django.test import TransactionTestCase

#: Rows that belong to the code, which `flush` deletes and then creates again.
KEPT = ("django_content_type", "auth_permission")
#: Tables of the models, their partitions included, that have ever held a row. A file grows before its row is
#: committed, so these are also the tables that another process is writing to.
_WRITTEN = """
    WITH RECURSIVE part AS (
        SELECT oid, relname, relkind FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relname = ANY(%s)
        UNION ALL
        SELECT pg_class.oid, pg_class.relname, pg_class.relkind
        FROM part JOIN pg_inherits ON inhparent = part.oid JOIN pg_class ON pg_class.oid = inhrelid
    )
    SELECT relname FROM part WHERE relkind = 'r' AND pg_relation_size(oid) > 0 ORDER BY relname
"""


def emptying_install() -> None:
    """Let tests that commit empty the tables with `tables_empty`."""
    flush = TransactionTestCase._fixture_teardown

    def tear_down(self: TransactionTestCase) -> None:
        # The login may lack the right for it, in a database that Roost did not set up.
        if may_switch_triggers_off():
            tables_empty()
        else:
            flush(self)

    TransactionTestCase._fixture_teardown = tear_down  # type: ignore[method-assign]


def may_switch_triggers_off() -> bool:
    """Whether this login may switch off triggers, some of which refuse to delete rows."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_parameter_privilege('session_replication_role', 'SET')")
        return bool(cursor.fetchone() == (True,))


def tables_empty() -> None:
    """Delete all rows of all models, once every process that is writing to them has committed."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_WRITTEN, [[name for name in connection.introspection.django_table_names() if name not in KEPT]])
        names = [connection.ops.quote_name(name) for (name,) in cursor.fetchall()]
        if names:
            cursor.execute(f"LOCK TABLE {', '.join(names)} IN EXCLUSIVE MODE")
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute("; ".join(f"DELETE FROM {name}" for name in names))
