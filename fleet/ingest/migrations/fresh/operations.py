"""Operations that make all tables in one go."""

from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState, StateApps

from fleet.telemetry import partitions


class CreateTables(Operation):
    """Create the models of all apps. Django renders them once, not again for each that refers to others."""

    def __init__(self, models: dict[str, list[migrations.CreateModel]]) -> None:
        self.models = models

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """The name and the arguments."""
        return type(self).__name__, [self.models], {}

    def describe(self) -> str:
        """The line in the plan of a migration."""
        return f"Create the {len(self._steps())} models of {len(self.models)} apps"

    def state_forwards(self, app_label: str, state: ProjectState) -> None:  # noqa: ARG002 - Django's signature
        """Add all models, unless the old migrations do: Django goes back through them, and comes by here all the same."""
        if any((label, step.name_lower) in state.models for label, step in self._steps()):
            return
        # Rendered models would be rendered again with each one that is added. Without any, none is out of date either.
        state.__dict__.pop("apps", None)
        state.is_delayed = False
        for label, step in self._steps():
            step.state_forwards(label, state)

    def database_forwards(
        self,
        app_label: str,  # noqa: ARG002 - Django's signature
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Create the tables. Django defers their indexes and foreign keys, so their order is free."""
        for label, step in self._steps():
            step.database_forwards(label, schema_editor, from_state, to_state)

    def database_backwards(
        self,
        app_label: str,  # noqa: ARG002 - Django's signature
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Drop the tables."""
        for label, step in reversed(self._steps()):
            step.database_backwards(label, schema_editor, from_state, to_state)

    def _steps(self) -> list[tuple[str, migrations.CreateModel]]:
        return [(label, step) for label, steps in self.models.items() for step in steps]


#: The tables in partitions, and their keys.
_KEYS = {
    "telemetry_reading": "series_id, occurred_at",
    "telemetry_detection": "station_id, occurred_at, port, kind, line",
}


def partition(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Turn empty tables into partitioned ones of the same columns and key. No index may refer to them yet."""
    for table, key in _KEYS.items():
        schema_editor.execute(f"ALTER TABLE {table} RENAME TO {table}_whole")
        schema_editor.execute(f"ALTER INDEX {table}_pkey RENAME TO {table}_whole_pkey")
        schema_editor.execute(
            f"CREATE TABLE {table} (LIKE {table}_whole INCLUDING DEFAULTS, PRIMARY KEY ({key})) "
            "PARTITION BY RANGE (occurred_at)"
        )
        schema_editor.execute(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT")
        schema_editor.execute(f"DROP TABLE {table}_whole")
    partitions.partitions_ensure()


def deferred_finish(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Create indexes and foreign keys now.

    Django would do it at the end, and then record outside the transaction what this migration stands for, a row each:
    a process that is killed meanwhile would leave a database that neither way of migrating can continue.
    """
    for statement in schema_editor.deferred_sql:
        schema_editor.execute(statement, None)
    schema_editor.deferred_sql.clear()
