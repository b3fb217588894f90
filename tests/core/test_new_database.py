"""A database made in one step is the one that the old migrations make, and each older database becomes the same."""

import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from psycopg import sql

from operations.preparation import command_run, django_run
from operations.services.postgres import OWNER, SUPERUSER
from operations.settings_env import process_environment

pytestmark = pytest.mark.long
WHOLE = ("ingest", "0009_a_new_database_in_one_step")
#: Tables whose rows have other numbers, depending on the order in which Django came to them.
NUMBERED = ("django_migrations", "django_content_type", "auth_permission")


class Database(NamedTuple):
    """A database of the tests' services, without pytest-django."""

    instance: object
    name: str

    @property
    def setting(self):
        return {
            "ROOST_DATABASE_URL": self.instance.postgres.url("worker", self.name),
            "ROOST_STATEMENT_TIMEOUT_MS": "0",
        }

    def migrate(self, *words):
        django_run(self.instance, "migrate", "--no-input", "--skip-checks", "-v0", *words, extra=self.setting)

    def migrate_by_the_old(self, *words):
        program = Path(__file__).with_name("old_migrations.py")
        environment = process_environment(self.instance, extra={**self.setting, "PYTHONPATH": "."})
        command_run([sys.executable, str(program), *words], environment=environment)

    def rows(self, query):
        with self.instance.postgres.connect(self.name) as connection:
            return connection.execute(query).fetchall()

    def dump(self, *options):
        """Blocks of a dump, sorted: their order follows from the order in which things were created."""
        done = subprocess.run(
            [self.instance.postgres.binaries / "pg_dump", *options, self.name],
            env={
                "PGHOST": self.instance.postgres.host,
                "PGPORT": str(self.instance.ports["postgres"]),
                "PGUSER": SUPERUSER,
                "PGPASSWORD": self.instance.secrets["postgres_superuser"],
            },
            capture_output=True,
            text=True,
            check=True,
        )
        blocks = re.split(r"\n--\n-- (?:Data for )?Name: ", done.stdout)[1:]
        return sorted(re.sub(r"^\\(un)?restrict .*\n?", "", block, flags=re.MULTILINE).strip() for block in blocks)

    def schema(self):
        return self.dump("--schema-only")

    def data(self):
        sequences = [f"--exclude-table-data={table}_id_seq" for table in NUMBERED]
        blocks = self.dump("--data-only", *(f"--exclude-table-data={table}" for table in NUMBERED), *sequences)
        # A row that was changed has moved to the end of its table.
        return ["\n".join(sorted(block.splitlines())) for block in blocks]

    def named(self):
        """Rows of the numbered tables without their numbers, and how often each migration is recorded."""
        return [
            self.rows("SELECT app_label, model FROM django_content_type ORDER BY 1, 2"),
            self.rows(
                "SELECT app_label, model, codename, name FROM auth_permission p "
                "JOIN django_content_type t ON t.id = p.content_type_id ORDER BY 1, 2, 3"
            ),
            self.rows("SELECT app, name, count(*) FROM django_migrations GROUP BY 1, 2 ORDER BY 1, 2"),
        ]

    def everything(self):
        return self.schema(), self.data(), self.named()


@pytest.fixture(scope="module")
def make(stack):
    made = []

    def database():
        name = f"new_database_{len(made)}"
        made.append(name)
        with stack.postgres.connect() as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(OWNER))
            )
        return Database(stack, name)

    yield database
    with stack.postgres.connect() as connection:
        for name in made:
            connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def fresh(make):
    database = make()
    database.migrate()
    return database.everything()


def assert_same(mine, theirs):
    for part, other in zip(mine, theirs, strict=True):
        assert [one for one in part if one not in other] == []
        assert part == other


def test_the_old_migrations_make_the_same_and_the_new_one_is_recorded_beside_them(make, fresh):
    database = make()
    database.migrate_by_the_old()
    before = database.schema()
    assert_same(before, fresh[0])
    database.migrate()
    assert_same(database.everything(), fresh)
    assert WHOLE in [row[:2] for row in database.named()[2]]


@pytest.mark.parametrize(
    "words",
    [
        # A commit of the first week; the last before the newest of three apps; one that a stopped migration left.
        ["stations.0003_suspension_and_data_use", "telemetry.0002_streams_know_their_runs", "alerts.0001_initial"],
        [
            "alerts.0012_shared_failures_and_what_is_held",
            "stations.0017_stations_have_parents",
            "telemetry.0013_rules_say_which_readings_are_stored",
            "sync.0009_motus_receivers_know_when_motus_answered",
            "files.0010_edited_files",
            "exports.0003_analysts_read_views",
        ],
        ["organizations.0006_person_timezone", "core.0006_withdrawals"],
    ],
    ids=["early", "late", "stopped"],
)
def test_a_database_in_the_middle_becomes_the_same(make, fresh, words):
    database = make()
    database.migrate_by_the_old(*words)
    database.migrate()
    assert_same(database.everything(), fresh)


def test_a_new_database_has_a_way_back(make, fresh):
    database = make()
    database.migrate()
    database.migrate("ingest", "zero")
    left = database.rows("SELECT tablename FROM pg_tables WHERE schemaname IN ('public', 'analyst')")
    theirs = ("auth_", "django_", "account_", "mfa_", "usersessions_", "rest_framework_")
    assert [name for (name,) in left if not name.startswith(theirs)] == []
    assert not database.rows("SELECT 1 FROM pg_proc WHERE proname LIKE 'roost%'")
    database.migrate()
    assert_same(database.everything()[::2], fresh[::2])


def test_a_new_database_goes_back_through_the_old_ones(make, fresh):
    database = make()
    database.migrate()
    database.migrate("organizations", "0004")
    # Others went with it: what they have now depends on it.
    last = dict(database.rows("SELECT app, left(max(name), 4) FROM django_migrations GROUP BY 1"))
    assert (last["organizations"], last["telemetry"]) == ("0004", "0012")
    database.migrate()
    assert_same(database.schema(), fresh[0])
