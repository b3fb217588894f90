"""PostgreSQL roles for analysts, created with a superuser's login that only the command line has.

PostgreSQL lets every login do a few things at the expense of others: store large objects, create temporary tables, and
hold locks that Roost's jobs wait for. `database_close` takes these rights in Roost's database from all but Roost.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from fleet.core.errors import Conflict, Unavailable

#: All analysts belong to this role, which may read the views. Nobody can log in as it.
GROUP: Final = "roost_analysts"
#: Maximum size of a session's temporary files: the only one of these limits that analysts cannot change themselves.
_TEMPORARY: Final = "2GB"
#: Functions that write or hold up others: large objects, advisory locks, transaction ids, notifications, snapshots.
_CLOSED: Final = (
    "^(lo_.*|lowrite|pg_advisory_.*|pg_try_advisory_.*|txid_current|pg_current_xact_id|pg_notify|pg_export_snapshot)$"
)
_CLOSE_FUNCTIONS: Final = """
DO $$
DECLARE closed regprocedure;
BEGIN
    FOR closed IN SELECT oid FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND proname ~ {closed} LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', closed);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', closed, {owner});
    END LOOP;
END $$
"""


@contextmanager
def administering() -> Iterator[psycopg.Connection]:
    """A superuser's connection to Roost's database. Raises `Conflict` without such a login, and `Unavailable`."""
    if not settings.ROOST_DATABASE_ADMIN_URL:
        raise Conflict(
            _("This needs a superuser's login of PostgreSQL: set ROOST_DATABASE_ADMIN_URL, or use `./roost manage`.")
        )
    where = conninfo_to_dict(settings.ROOST_DATABASE_ADMIN_URL) | {"dbname": str(connection.settings_dict["NAME"])}
    try:
        made = psycopg.connect(**where, autocommit=True, connect_timeout=5)  # type: ignore[arg-type]
    except psycopg.OperationalError as error:
        raise Unavailable(_("PostgreSQL refuses ROOST_DATABASE_ADMIN_URL or does not answer.")) from error
    with made:
        yield made


def database_close(admin: psycopg.Connection) -> None:
    """Take from everybody but Roost the rights to write or to hold up others. Repeatable."""
    owner, database = _owner(), sql.Identifier(str(connection.settings_dict["NAME"]))
    known = admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [GROUP]).fetchone()
    if known is None:
        admin.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(GROUP)))
    role = sql.Identifier(owner)
    for words in (
        sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(database),
        sql.SQL("GRANT TEMPORARY ON DATABASE {} TO {}").format(database, role),
        sql.SQL("REVOKE CREATE ON SCHEMA public FROM PUBLIC"),
        sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(role),
        sql.SQL("REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC"),
        sql.SQL("GRANT USAGE ON LANGUAGE plpgsql TO {}").format(role),
        sql.SQL(_CLOSE_FUNCTIONS).format(closed=sql.Literal(_CLOSED), owner=sql.Literal(owner)),
        # Analysts can change their own limits, so Roost itself ends statements that take too long.
        sql.SQL("GRANT pg_read_all_stats, pg_signal_backend TO {}").format(role),
        sql.SQL("GRANT USAGE ON SCHEMA analyst TO {}").format(sql.Identifier(GROUP)),
        sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA analyst TO {}").format(sql.Identifier(GROUP)),
    ):
        admin.execute(words)


def role_create(admin: psycopg.Connection, *, connections: int, minutes: int) -> tuple[str, str]:
    """Create a role that can log in; return its name and password. The name identifies nobody."""
    role, password = f"analyst_{secrets.token_hex(6)}", secrets.token_urlsafe(24)
    # Send only the hash that the server stores, because a statement may end up in a log.
    kept = admin.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    name = sql.Identifier(role)
    with admin.transaction():
        admin.execute(
            sql.SQL(
                "CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS "
                "CONNECTION LIMIT {} PASSWORD {}"
            ).format(name, sql.Literal(connections), sql.Literal(kept))
        )
        for setting, value in {
            "default_transaction_read_only": "on",
            "statement_timeout": f"{minutes}min",
            "idle_in_transaction_session_timeout": "1min",
            "lock_timeout": "5s",
            "temp_file_limit": _TEMPORARY,
            "search_path": "analyst",
            "timezone": "UTC",
        }.items():
            admin.execute(
                sql.SQL("ALTER ROLE {} SET {} = {}").format(name, sql.Identifier(setting), sql.Literal(value))
            )
        admin.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(GROUP), name))
    return role, password


def role_drop(admin: psycopg.Connection, role: str) -> None:
    """Remove a role and end its sessions. Removing a missing one is no error."""
    if admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone() is None:
        return
    name = sql.Identifier(role)
    admin.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(name))
    admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [role])
    admin.execute(sql.SQL("DROP OWNED BY {}").format(name))
    admin.execute(sql.SQL("DROP ROLE {}").format(name))


def databases_open(admin: psycopg.Connection) -> list[str]:
    """Other databases of this server to which every login may connect."""
    rows = admin.execute(
        "SELECT datname FROM pg_database WHERE datallowconn AND datname <> current_database() "
        "AND has_database_privilege(%s, oid, 'CONNECT') ORDER BY 1",
        [GROUP],
    ).fetchall()
    return [str(name) for (name,) in rows]


def _owner() -> str:
    """The role that Roost's logins act as, which owns its tables."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableowner FROM pg_tables WHERE tablename = 'exports_analystlogin'")
        row = cursor.fetchone()
    return str(row[0]) if row else ""
