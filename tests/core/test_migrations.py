"""Every migration of ours has a way back. One makes a new database; older databases go on with those before it."""

from types import SimpleNamespace

import pytest
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from migrated import migrated_database

WHOLE = ("ingest", "0009_a_new_database_in_one_step")


def ours(loader):
    return {
        name: migration
        for name, migration in loader.disk_migrations.items()
        if type(migration).__module__.startswith("fleet.")
    }


def test_every_migration_can_be_undone():
    found = ours(MigrationLoader(None))
    assert len(found) > 50
    stuck = [
        f"{app} {name}: {step.describe()}"
        for (app, name), migration in found.items()
        for step in migration.operations
        if not step.reversible
    ]
    assert stuck == []


def test_a_new_database_takes_one_step_for_all_that_it_stands_for():
    loader = MigrationLoader(None)
    replaced = set(loader.disk_migrations[WHOLE].replaces)
    assert replaced <= ours(loader).keys()
    assert WHOLE in loader.graph.nodes
    assert replaced.isdisjoint(loader.graph.nodes)
    # Without one of its own, `makemigrations` would see no change of an app.
    assert {app for app, _ in loader.graph.leaf_nodes()} >= {app for app, _ in replaced}


def test_a_new_database_is_made_and_recorded_in_one_transaction(stack):
    with stack.postgres.connect(migrated_database(stack.paths.var)) as connection:
        rows = connection.execute("SELECT app, name, xmin::text FROM django_migrations").fetchall()
        [made] = connection.execute(
            "SELECT xmin::text FROM pg_proc WHERE proname = 'roost_organization_stays'"
        ).fetchall()
    replaced = set(MigrationLoader(None).disk_migrations[WHOLE].replaces)
    assert {transaction for app, name, transaction in rows if (app, name) in replaced} == set(made)


def old_order():
    """All migrations but the new step, in the order in which Django applied them, and those that it stands for."""
    loader = MigrationLoader(None, replace_migrations=False)
    plan = [node for leaf in loader.graph.leaf_nodes() for node in loader.graph.forwards_plan(leaf)]
    replaced = set(loader.disk_migrations[WHOLE].replaces)
    return [node for node in dict.fromkeys(plan) if node != WHOLE], replaced


@pytest.mark.parametrize("tenth", range(1, 10))
def test_a_database_in_the_middle_goes_on_with_the_old_ones(tenth, monkeypatch):
    order, replaced = old_order()
    old = [node for node in order if node in replaced]
    last = order.index(old[len(old) * tenth // 10])
    applied = dict.fromkeys(order[:last])
    monkeypatch.setattr(MigrationRecorder, "applied_migrations", lambda _self: applied)
    connection = SimpleNamespace(alias="default")
    executor = MigrationExecutor(connection)
    executor.loader.check_consistent_history(connection)
    assert executor.loader.detect_conflicts() == {}
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    assert [(step.app_label, step.name) for step, _ in plan].count(WHOLE) == 0
    assert {(step.app_label, step.name) for step, _ in plan} == set(order) - applied.keys()
