from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from fleet.telemetry import partitions

KEYS = {
    "telemetry_reading": "series_id, occurred_at",
    "telemetry_detection": "station_id, occurred_at, port, kind, line",
}


def partition(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Replace each table by a partitioned one with the same columns and key, and move its rows over."""
    for table, key in KEYS.items():
        schema_editor.execute(f"ALTER TABLE {table} RENAME TO {table}_whole")
        schema_editor.execute(f"ALTER INDEX {table}_pkey RENAME TO {table}_whole_pkey")
        schema_editor.execute(
            f"CREATE TABLE {table} (LIKE {table}_whole INCLUDING DEFAULTS, PRIMARY KEY ({key})) "
            "PARTITION BY RANGE (occurred_at)"
        )
        schema_editor.execute(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT")
    partitions.partitions_ensure()
    for table in KEYS:
        schema_editor.execute(f"INSERT INTO {table} SELECT * FROM {table}_whole")  # noqa: S608 - our own tables
        schema_editor.execute(f"DROP TABLE {table}_whole")


def unpartition(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Undo `partition`, for going back to the previous version."""
    for table, key in KEYS.items():
        schema_editor.execute(
            f"CREATE TABLE {table}_whole (LIKE {table} INCLUDING DEFAULTS, "
            f"CONSTRAINT {table}_whole_pkey PRIMARY KEY ({key}))"
        )
        schema_editor.execute(f"INSERT INTO {table}_whole SELECT * FROM {table}")  # noqa: S608 - our own tables
        schema_editor.execute(f"DROP TABLE {table}")
        schema_editor.execute(f"ALTER TABLE {table}_whole RENAME TO {table}")
        schema_editor.execute(f"ALTER INDEX {table}_whole_pkey RENAME TO {table}_pkey")


class Migration(migrations.Migration):
    dependencies = [
        ("telemetry", "0002_streams_know_their_runs"),
    ]

    operations = [
        migrations.RunPython(partition, unpartition),
    ]
