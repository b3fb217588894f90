"""Every migration of ours has a way back, so that a server can return to the version from which it came."""

from django.db.migrations.loader import MigrationLoader


def test_every_migration_can_be_undone():
    ours = {
        name: migration
        for name, migration in MigrationLoader(None).disk_migrations.items()
        if type(migration).__module__.startswith("fleet.")
    }
    assert len(ours) > 50
    stuck = [
        f"{app} {name}: {step.describe()}"
        for (app, name), migration in ours.items()
        for step in migration.operations
        if not step.reversible
    ]
    assert stuck == []
