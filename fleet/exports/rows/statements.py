"""The statements that read one part of one kind: as text for CSV and NDJSON, as typed columns for Parquet."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import psycopg
from django.db import connection
from psycopg import sql
from psycopg.conninfo import make_conninfo

from fleet.core.csv_file import cell_guarded
from fleet.exports.columns import CODES, COLUMNS, PackageColumn
from fleet.exports.parts import PackagePart

#: One statement reads at most one part; this is enough time for it on any disk.
_STATEMENT_MS: Final = 600_000
_OPTIONS: Final = (
    f"-c statement_timeout={_STATEMENT_MS} -c lock_timeout=5000 -c timezone=UTC -c jit=off "
    "-c default_transaction_read_only=on -c application_name=roost-export"
)
#: Text that spreadsheets would run as a formula gets an apostrophe, as in all of Roost's CSV files (`cell_guarded`).
_GUARDED: Final = (
    "CASE WHEN {text} ~ '^(?:[\\t\\r\\n]|[\\s\\uFEFF\\u200B]*[-=+@\\uFF1D\\uFF0B\\uFF0D\\uFF20])' "
    "THEN '''' || {text} ELSE {text} END"
)
#: JSON has no raw control characters. With these as quote and separator, the CSV is the JSON itself, one row per line.
_JSON_LINES: Final = (
    "COPY (SELECT row_to_json(t) FROM ({}) t) TO STDOUT (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')"
)


def connection_words() -> str:
    """The database connection as a libpq string: read only, with time for long statements."""
    known = connection.get_connection_params()
    words = {key: known[key] for key in ("dbname", "user", "password", "host", "port") if known.get(key)}
    return make_conninfo("", **words, options=_OPTIONS, connect_timeout=5)


@contextmanager
def reading_connection() -> Iterator[psycopg.Connection]:
    """A separate connection: the caller's may be in a transaction, and ends statements after seconds."""
    with psycopg.connect(connection_words(), autocommit=True) as made:
        yield made


def text_copy(
    kind: str, columns: Sequence[PackageColumn], part: PackagePart, *, is_clean: bool, is_json: bool, table: str = ""
) -> sql.Composed:
    """The COPY statement for a part, as lines of CSV or JSON. `table`: the source of its rows, if not their table."""
    names = [(f"{_text_of(column, is_json=is_json)} AS {_quoted(column)}") for column in columns]
    query = _select(kind, names, part, is_clean=is_clean, has_names=kind == "readings", is_json=is_json, table=table)
    if is_json:
        return sql.SQL(_JSON_LINES).format(query)
    return sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(query)


def typed_query(
    kind: str, columns: Sequence[PackageColumn], part: PackagePart, *, is_clean: bool, table: str = ""
) -> sql.Composed:
    """The query for the same rows with types: coded columns as numbers, and none for columns with one word per part."""
    names = [
        f"{CODES[column.code] if column.code else column.text} AS {_quoted(column)}"
        for column in columns
        if not column.code or CODES[column.code]
    ]
    return _select(kind, names, part, is_clean=is_clean, has_names=False, is_json=True, table=table)


def doubted_query(kind: str, part: PackagePart, *, table: str = "") -> sql.Composed:
    """The query for the number of rows of a part that have a mark."""
    query = _select(
        kind, ["count(*)"], part, is_clean=False, has_names=False, is_json=True, is_ordered=False, table=table
    )
    return query + sql.SQL(" AND r.flags <> 0")


def _select(
    kind: str,
    names: Sequence[str],
    part: PackagePart,
    *,
    is_clean: bool,
    has_names: bool,
    is_json: bool,
    is_ordered: bool = True,
    table: str = "",
) -> sql.Composed:
    rows = COLUMNS[kind]
    ids = [number for number, _name, _unit in part.station.series]
    words = [
        [word if is_json else cell_guarded(word) for word in column]
        for column in ([name for _id, name, _unit in part.station.series], [unit for *_, unit in part.station.series])
    ]
    joined = (
        " JOIN unnest({ids}::bigint[], {names}::text[], {units}::text[]) AS s(id, name, unit) ON s.id = r.series_id"
    )
    text = (
        f"SELECT {', '.join(names)} FROM {table or rows.table} r{joined if has_names else ''} "  # noqa: S608 - our own names
        f"WHERE {rows.owner} AND r.occurred_at >= {{start}} AND r.occurred_at < {{end}}"
        f"{' AND r.flags = 0' if is_clean else ''}{f' ORDER BY {rows.order}' if is_ordered else ''}"
    )
    return sql.SQL(text).format(
        station=sql.Literal(part.station.serial),
        station_id=sql.Literal(part.station.pk),
        deployment=sql.Literal(part.deployment_id),
        zone=sql.Literal(part.zone),
        start=sql.Literal(part.start),
        end=sql.Literal(part.end),
        ids=sql.Literal(ids),
        series_ids=sql.SQL("{}::bigint[]").format(sql.Literal(ids)),
        names=sql.Literal(words[0]),
        units=sql.Literal(words[1]),
    )


def _text_of(column: PackageColumn, *, is_json: bool) -> str:
    if is_json:
        return column.text
    if column.type == "boolean":
        return f"{column.text}::int"
    return _GUARDED.replace("{text}", column.text) if column.is_foreign else column.text


def _quoted(column: PackageColumn) -> str:
    return f'"{column.name}"'
