"""A station is deleted permanently: shut out at once, erased in steps that may be interrupted, and nobody else loses a
row.
"""

import json
import time
from datetime import timedelta

import pytest
from django.apps import apps
from django.db import connection
from one_each import incident_open
from people import station_of

from fleet.commands.services import command_issue
from fleet.core import clock
from fleet.core.errors import Forbidden, InvalidInput, NotFound
from fleet.core.models import AuditEntry
from fleet.deployments.services import deployment_begin
from fleet.deployments.sites import site_create
from fleet.ingest.delivery import Delivery
from fleet.ingest.models import QuarantinedMessage
from fleet.ingest.pipeline import Pipeline
from fleet.lifecycle import erase_station as deletion
from fleet.lifecycle.erase_station import station_belongings, station_delete, stations_erase
from fleet.lifecycle.purge_organization import organizations_end
from fleet.organizations.models import Organization
from fleet.stations.life.reconcile import broker_reconcile
from fleet.stations.logins.enrolment import enrolment_token_create, station_enrol
from fleet.stations.models import Credential, Station
from fleet.stations.selectors import station_get, station_list
from fleet.stations.services import station_register, station_retire
from fleet.telemetry.models import Reading, StreamLedger

pytestmark = pytest.mark.django_db(transaction=True)


def readings(serial: str, seqs, *, name: str = "temp") -> list[Delivery]:
    return [
        Delivery(
            f"in.{serial}",
            "readings",
            {
                "type": "readings",
                "application_headers": {"v": 1, "stream": "a", "seq": seq, "oldest": 1, "next": seq + 1},
            },
            json.dumps([{"n": name, "v": float(seq), "t": time.time() - 86_400.0 * 40 * (seq % 2)}]).encode(),
        )
        for seq in seqs
    ]


def pulses(serial: str) -> Delivery:
    body = {"what": "pulse", "port": 1, "t": [time.time() + n for n in range(50)], "freq": [4.0] * 50, "line": [1]}
    return Delivery(f"in.{serial}", "detections", {"type": "detections"}, json.dumps(body).encode())


@pytest.fixture
def filled(institute, operator):
    """A station with data in every table."""

    def make(site: str) -> Station:
        station = station_of(institute)
        token = enrolment_token_create(station=station, actor=operator)
        station_enrol(serial=station.serial, token=token, hardware={})
        Pipeline().take([*readings(station.serial, range(1, 31)), pulses(station.serial)])
        Pipeline().take(readings(station.serial, [31], name="bad name"))
        command_issue(viewer=operator, station=station, name="ping", parameters={})
        incident_open(station=station, rule="silence", sentence="Silent.", moment=clock.now())
        place = site_create(organization=institute, actor=operator, name=site)
        deployment_begin(station=station, site=place, actor=operator)
        return station

    return make


def rows_by_table(station: Station) -> dict[str, int]:
    """Number of rows in each table that name this station, counted without the models' relations."""
    found = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'station_id'"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT count(*) FROM "{table}" WHERE station_id = %s', [station.pk])
            found[table] = cursor.fetchone()[0]
    found["readings"] = Reading.objects.filter(series__station=station).count()
    return found


def test_everything_of_it_goes_and_nothing_of_another(filled, owner, works):
    gone, stays = filled("Tower"), filled("Barn")
    before = rows_by_table(stays)
    assert before["readings"] == 30
    for table in ("telemetry_detection", "ingest_quarantinedmessage", "telemetry_streamledger", "commands_command"):
        assert rows_by_table(gone)[table], table
    login = Credential.objects.get(station=gone).username
    figures = station_belongings(station=gone)
    assert (figures.messages, figures.series, figures.detections, figures.quarantined) == (31, 1, 50, 1)
    station_delete(actor=owner, station=gone, typed=f" {gone.serial} ")
    with pytest.raises(NotFound):
        station_get(viewer=owner, serial=gone.serial)
    assert list(station_list(viewer=owner, state="retired")) == []
    stations_erase()
    assert not {table: count for table, count in rows_by_table(gone).items() if count}
    assert not Station.objects.filter(pk=gone.pk).exists()
    assert rows_by_table(stays) == before
    entry = AuditEntry.objects.get(action="station.delete")
    assert (entry.subject, entry.detail["messages"]) == (gone.serial, 31)
    assert AuditEntry.objects.filter(action="station.register", subject=gone.serial).exists()
    broker_reconcile()
    assert not Credential.objects.filter(username=login).exists()


def test_its_login_ends_at_once(institute, owner, operator, works):
    station = station_of(institute)
    grant = station_enrol(
        serial=station.serial, token=enrolment_token_create(station=station, actor=operator), hardware={}
    )
    assert works(grant.username, grant.password)
    station_delete(actor=owner, station=station, typed=station.serial)
    assert not works(grant.username, grant.password)


def test_it_takes_an_owner_and_the_serial(institute, owner, operator, stranger):
    station = station_of(institute)
    for actor in (operator, stranger):
        with pytest.raises(Forbidden):
            station_delete(actor=actor, station=station, typed=station.serial)
    with pytest.raises(InvalidInput) as refused:
        station_delete(actor=owner, station=station, typed="something else")
    assert refused.value.field == "serial"
    assert Station.objects.get().deleted_at is None


def test_a_job_that_is_cut_off_goes_on_where_it_was(filled, owner, monkeypatch):
    station = filled("Tower")
    station_delete(actor=owner, station=station, typed=station.serial)
    monkeypatch.setattr(deletion, "STEP", 7)
    monkeypatch.setattr(deletion, "JOB_MOST", timedelta(0))
    jobs, left = 0, sum(rows_by_table(station).values())
    while Station.objects.exists():
        stations_erase()
        jobs += 1
        now = sum(rows_by_table(station).values())
        assert now <= left
        left = now
        assert jobs < 500
    assert jobs > 5


def test_what_a_worker_still_has_of_it_is_an_unknown_station_s(filled, owner):
    station, pipeline = filled("Tower"), Pipeline()
    pipeline.take(readings(station.serial, [40]))
    station_delete(actor=owner, station=station, typed=station.serial)
    before = Reading.objects.count()
    pipeline.take(readings(station.serial, [41]))
    assert Reading.objects.count() == before
    assert QuarantinedMessage.objects.get(station=None).reason == "unknown-station"
    stations_erase()


def test_the_serial_is_free_and_its_logins_are_new_ones(filled, institute, operator, owner):
    station = filled("Tower")
    station_delete(actor=owner, station=station, typed=station.serial)
    again = station_register(actor=operator, organization=institute, serial=station.serial)
    token = enrolment_token_create(station=again, actor=operator)
    grant = station_enrol(serial=again.serial, token=token, hardware={})
    assert grant.username == f"st.{station.serial}.2"
    stations_erase()
    assert list(Station.objects.all()) == [again]
    assert broker_reconcile().lost == []


def test_a_successor_still_drops_what_was_taken_before(filled, institute, operator, owner):
    station = filled("Tower")
    station_retire(station=station, actor=operator)
    again = station_register(actor=operator, organization=institute, serial=station.serial)
    station.refresh_from_db()
    station_delete(actor=owner, station=station, typed=station.serial)
    stations_erase()
    assert list(Station.objects.values_list("pk", flat=True)) == [again.pk]
    outcome = Pipeline().take(readings(again.serial, [1, 2, 3]))
    assert (outcome.stored, outcome.repeats) == (0, 3)
    assert StreamLedger.objects.get().station_id == again.pk


def test_the_stations_of_an_organization_that_is_over_go_too(filled, institute):
    filled("Tower")
    Organization.objects.filter(pk=institute.pk).update(deleted_at=clock.now() - timedelta(days=29))
    organizations_end()
    assert Station.objects.get().deleted_at is None
    Organization.objects.filter(pk=institute.pk).update(deleted_at=clock.now() - timedelta(days=31))
    organizations_end()
    stations_erase()
    organizations_end()
    assert not Station.objects.exists()
    assert not Organization.objects.exists()


def test_no_table_that_names_a_station_is_forgotten():
    """Every model with a key to a station is erased, so also one that is added later."""
    found = {rows.model for rows in deletion._rows_of(Station, "%s", ())}
    expected = {
        model
        for model in apps.get_models(include_auto_created=True)
        if model is not Station
        and any(f.is_relation and f.related_model is Station and f.concrete for f in model._meta.get_fields())
    }
    assert expected <= found | {
        m for m in expected if any(f.many_to_many and f.related_model is Station for f in m._meta.get_fields())
    }
