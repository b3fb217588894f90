"""Attacks with analysts' logins: they read only their organization's rows, write nothing and hold up nobody."""

from contextlib import contextmanager
from io import StringIO

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from exports.conftest import MAY, rows_make
from people import SERVER, station_of
from waiting import until

from fleet.core import clock
from fleet.core.errors import Conflict, InvalidInput, NotFound, TooMany
from fleet.deployments.models import Deployment, Site
from fleet.exports.analysts import services
from fleet.exports.analysts.roles import administering, role_drop
from fleet.exports.analysts.services import analyses_end, analyst_add, analyst_remove
from fleet.exports.models import AnalystLogin
from fleet.organizations.models import Organization
from fleet.telemetry.models import Reading, Series

pytestmark = pytest.mark.django_db(transaction=True)
VIEWS = ("stations", "sites", "deployments", "antennas", "series", "readings", "detections", "positions", "events")


@pytest.fixture(autouse=True)
def administrated(stack, settings):
    settings.ROOST_DATABASE_ADMIN_URL = stack.postgres.superuser_url
    yield
    with administering() as admin:
        for role in AnalystLogin.objects.values_list("role", flat=True):
            role_drop(admin, role)


def added(organization, name="Ana", **more):
    login, password, _others = analyst_add(actor=SERVER, organization=organization, name=name, **more)
    return login, password


@contextmanager
def session(login, password, **more):
    where = connection.settings_dict
    told = {"host": where["HOST"], "port": where["PORT"], "dbname": where["NAME"], **more}
    with psycopg.connect(user=login.role, password=password, autocommit=True, connect_timeout=10, **told) as made:
        yield made


@pytest.fixture
def theirs(elsewhere):
    """Another organization with rows of every kind, whose words nobody here may read."""
    made = station_of(elsewhere, name="SECRET")
    site = Site.objects.create(organization=elsewhere, name="SECRET", timezone="UTC")
    Deployment.objects.create(station=made, site=site, period=(MAY, None))
    rows_make(made)
    series = Series.objects.create(station=made, name="SECRET", unit="V", created_at=MAY)
    Reading.objects.create(series=series, occurred_at=MAY, received_at=MAY, value=4242.0)
    return made


def rows(made, query, *values):
    return made.execute(query, values or None).fetchall()


def test_each_view_has_ones_own_rows_in_the_words_of_packages(station, institute, theirs):
    with session(*added(institute)) as made:
        for view in VIEWS:
            found = made.execute(f"SELECT * FROM {view}")
            names = [column.name for column in found.description]
            told = found.fetchall()
            assert told, view
            if "station" in names:
                assert {row[names.index("station")] for row in told} == {station.serial}, view
            assert "SECRET" not in str(told)
        stored = Reading.objects.filter(series__station=station)
        (count, doubted), *_ = rows(made, "SELECT count(*), count(suspicions) FROM readings")
        assert (count, doubted) == (stored.count(), 2)
        assert rows(made, "SELECT DISTINCT suspicions FROM readings WHERE suspicions <> ''") == [("future outside",)]
        assert rows(made, "SELECT kind, tag, \"rssi_dBm\" FROM detections WHERE kind = 'tag'") == [
            ("tag", '-12"3,4', -90.0)
        ]
    assert "SECRET" not in repr(AnalystLogin.objects.get().role)


@pytest.mark.parametrize(
    "attack",
    [
        "SELECT * FROM public.telemetry_reading",
        "SELECT * FROM public.exports_analystlogin",
        "SELECT * FROM public.organizations_apikey",
        "SELECT * FROM public.auth_user",
        "SELECT * FROM public.stations_credential",
        "SELECT * FROM pg_catalog.pg_authid",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT pg_ls_dir('.')",
        "SELECT lo_from_bytea(0, 'x')",
        "SELECT lo_create(0)",
        "SELECT pg_advisory_lock(hashtextextended('roost.exports.make', 0))",
        "SELECT pg_try_advisory_lock(1)",
        "SELECT txid_current()",
        "INSERT INTO stations (station) VALUES ('x')",
        "UPDATE stations SET name = 'x'",
        "DELETE FROM stations",
        "TRUNCATE public.telemetry_reading",
        "CREATE TABLE public.mine (a int)",
        "CREATE TABLE analyst.mine (a int)",
        "CREATE TEMP TABLE mine (a int)",
        "CREATE SCHEMA mine",
        "CREATE FUNCTION pg_temp.leak(float8) RETURNS bool LANGUAGE sql AS 'SELECT true'",
        "CREATE OR REPLACE VIEW analyst.stations AS SELECT 1",
        "DO $$ BEGIN PERFORM 1; END $$",
        "CREATE EXTENSION dblink",
        "COPY (SELECT 1) TO PROGRAM 'id'",
        "COPY (SELECT 1) TO '/tmp/x'",
        "COPY public.auth_user TO STDOUT",
        "SET ROLE roost",
        "SET ROLE pg_read_all_data",
        "SET SESSION AUTHORIZATION roost",
        "GRANT roost_analysts TO current_user",
        "ALTER ROLE current_user CONNECTION LIMIT 1000",
        "ALTER ROLE current_user SUPERUSER",
        "ALTER ROLE current_user SET temp_file_limit = -1",
        "SET temp_file_limit = -1",
        "ALTER SYSTEM SET max_connections = 1",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'roost_worker'",
        "BEGIN; LOCK TABLE public.telemetry_reading IN ACCESS EXCLUSIVE MODE",
        "BEGIN; LOCK TABLE analyst.readings IN ACCESS EXCLUSIVE MODE",
    ],
)
def test_an_attack_is_refused(station, institute, theirs, attack):
    with session(*added(institute)) as made:
        made.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            made.execute(attack)


@pytest.mark.parametrize("barrier", ["on", "off"])
def test_what_others_have_is_read_neither_by_errors_nor_by_another_role(institute, theirs, barrier):
    """The organization has no rows, so each of these conditions could only fail on the rows of others."""
    with session(*added(institute)) as made:
        made.execute("SET default_transaction_read_only = off")
        for setting in ("row_security", "enable_nestloop", "enable_indexscan"):
            made.execute(f"SET {setting} = {barrier}")
        for query in (
            "SELECT * FROM readings WHERE 1 / (value - 4242.0) > 0",
            "SELECT * FROM series WHERE series::int = 1",
            "SELECT * FROM stations WHERE name::int = 1",
            "SELECT * FROM sites WHERE site::int = 1",
            "SELECT * FROM detections WHERE tag::int = 1",
            "SELECT * FROM events WHERE (data->>'why')::int = 1",
            "SELECT * FROM readings r JOIN series s ON s.series::int = r.value",
        ):
            assert rows(made, query) == []
        made.execute("SET ROLE roost_analysts")
        for view in VIEWS:
            assert rows(made, f"SELECT count(*) FROM {view}") == [(0,)]
        seen = str(rows(made, "SELECT * FROM pg_stats")) + str(rows(made, "SELECT * FROM pg_stat_activity"))
        assert "SECRET" not in seen
        assert "SELECT" not in "".join(
            str(one) for one in rows(made, "SELECT query FROM pg_stat_activity WHERE usename <> session_user")
        )


def test_a_statement_that_lifts_its_own_limit_is_ended_by_roost(institute, monkeypatch):
    with session(*added(institute)) as made:
        made.execute("SET statement_timeout = 0")
        made.execute("BEGIN")
        assert analyses_end() == 0
        AnalystLogin.objects.update(minutes=0)
        monkeypatch.setattr(services, "_SPARED_S", 0)
        until(analyses_end, "its session is ended")
        with pytest.raises(psycopg.OperationalError):
            made.execute("SELECT 1")


def test_it_has_its_limits_from_the_beginning(institute):
    login, password = added(institute, connections=2, minutes=7)
    with session(login, password) as first, session(login, password):
        told = [first.execute(f"SHOW {name}").fetchone()[0] for name in ("statement_timeout", "temp_file_limit")]
        assert told == ["7min", "2GB"]
        with pytest.raises(psycopg.OperationalError, match="too many connections"), session(login, password):
            pass
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            first.execute("ALTER ROLE current_user SET statement_timeout = 0")


def test_the_servers_own_databases_are_closed(institute):
    login, password = added(institute)
    for name in ("postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="permission denied"), session(login, password, dbname=name):
            pass


def test_removal_ends_sessions_and_the_login(station, institute):
    login, password = added(institute)
    with session(login, password) as made:
        analyst_remove(actor=SERVER, organization=institute, name="Ana")
        with pytest.raises(psycopg.OperationalError):
            made.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError), session(login, password):
        pass
    with pytest.raises(NotFound):
        analyst_remove(actor=SERVER, organization=institute, name="Ana")


def test_a_role_without_a_row_and_one_of_a_deleted_organization_see_nothing(station, institute):
    login, password = added(institute)
    with session(login, password) as made:
        Organization.objects.filter(pk=institute.pk).update(deleted_at=clock.now())
        assert rows(made, "SELECT * FROM stations") == []
        Organization.objects.filter(pk=institute.pk).update(deleted_at=None)
        assert len(rows(made, "SELECT * FROM stations")) == 1
        AnalystLogin.objects.all().delete()
        assert rows(made, "SELECT * FROM stations") == []
    with administering() as admin:
        role_drop(admin, login.role)


def test_roost_s_own_login_keeps_its_rights(station, institute):
    """Roost keeps the rights that everybody else loses: advisory locks, temporary tables, procedures."""
    added(institute)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(1), pg_advisory_unlock(1), txid_current()")
        cursor.execute("CREATE TEMP TABLE mine (a int); DROP TABLE mine")
        cursor.execute("DO $$ BEGIN PERFORM 1; END $$")


def test_wrong_ones_are_refused_in_words(institute, settings, monkeypatch):
    added(institute)
    with pytest.raises(Conflict, match="of this name already"):
        added(institute)
    with pytest.raises(InvalidInput, match="from 1 to 20"):
        added(institute, "Ben", connections=21)
    monkeypatch.setattr(services, "LOGINS_MOST", 1)
    with pytest.raises(TooMany, match="at most 1 analysts"):
        added(institute, "Ben")
    monkeypatch.undo()
    settings.ROOST_DATABASE_ADMIN_URL, kept = "", settings.ROOST_DATABASE_ADMIN_URL
    with pytest.raises(Conflict, match="superuser's login"):
        added(institute, "Ben")
    settings.ROOST_DATABASE_ADMIN_URL = kept


def test_the_command_line_shows_the_password_once(institute):
    def analyst(*words):
        out = StringIO()
        call_command("analyst", *words, "--organization=Institute", stdout=out)
        return out.getvalue()

    told = dict(line.split(maxsplit=1) for line in analyst("add", "Ana").splitlines()[:5])
    with session(AnalystLogin.objects.get(), told["password"]) as made:
        assert rows(made, "SELECT session_user") == [(told["user"],)]
    listed = analyst("list")
    assert "Ana" in listed
    assert told["password"] not in listed
    assert "Ana is removed." in analyst("remove", "Ana")
    assert not AnalystLogin.objects.exists()
