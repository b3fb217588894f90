"""A serial is the same in any case: imported in lower case, enrolled in capitals, looked up in either."""

import importlib

import pytest
from api_asking import Asker
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.test import Client
from people import SERVER, key_of, serial_new

from fleet.core import clock
from fleet.core.errors import InvalidInput, NotFound
from fleet.core.models import AuditEntry
from fleet.deployments.station_import import station_import
from fleet.lifecycle.erase_station import station_delete
from fleet.stations.joining.claims import claim_open, claim_take
from fleet.stations.joining.newcomers import station_known
from fleet.stations.joining.registration_queue import arrival_accept, arrival_list, arrival_take, registration_turn_on
from fleet.stations.keys import api_key_create
from fleet.stations.logins.enrolment import enrolment_token_create, station_enrol
from fleet.stations.models import Credential, Station, StationContact
from fleet.stations.selectors import station_get, station_list
from fleet.stations.services import station_register, station_retire
from fleet.telemetry.models import Series
from message_queue.codec import decode
from message_queue.errors import MessageRefused
from sg_status.live import access as live_access

pytestmark = pytest.mark.django_db


@pytest.fixture
def small(institute):
    """A station whose serial was imported in lower case."""
    return station_register(actor=SERVER, organization=institute, serial=serial_new().lower(), name="Kent")


@pytest.mark.django_db(transaction=True)
def test_imported_in_small_letters_it_enrols_in_capitals_under_its_own_name(institute, operator):
    serial = serial_new().lower()
    report = station_import(
        actor=operator,
        organization=institute,
        content=f"serial\n{serial}\n".encode(),
        is_dry_run=False,
        with_tokens=True,
    )
    grant = station_enrol(serial=serial.upper(), token=report.tokens[0].token, hardware={})
    assert grant.exchange == f"in.{serial}"
    assert grant.command_queue == f"cmd.{serial}"
    assert grant.username == f"st.{serial}.1"
    assert Credential.objects.get().station.serial == serial


def test_registering_and_importing_it_in_another_case_is_refused(institute, elsewhere, small, operator):
    for organization in (institute, elsewhere):
        with pytest.raises(InvalidInput, match="already registered"):
            station_register(actor=SERVER, organization=organization, serial=small.serial.upper())
    content = f"serial\n{small.serial.upper()}\n".encode()
    report = station_import(actor=operator, organization=institute, content=content, is_dry_run=False)
    assert (report.imported, len(report.problems)) == (0, 1)


def test_two_at_once_make_no_twin_of_another_case(institute, small):
    with pytest.raises(IntegrityError, match="whatever_its_case"), transaction.atomic():
        Station.objects.create(organization=institute, serial=small.serial.upper(), registered_at=clock.now())


def test_it_is_found_by_pages_programs_searches_and_the_live_channel(institute, small, operator, stranger, settings):
    capitals = small.serial.upper()
    assert station_get(viewer=operator, serial=capitals) == small
    assert list(station_list(viewer=operator, search=capitals)) == [small]
    with pytest.raises(NotFound):
        station_get(viewer=stranger, serial=capitals)
    client = Client()
    client.force_login(operator.user)
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    page = client.get(f"/stations/{capitals}/").content.decode()
    assert f"/live/stations/{small.serial}" in page
    asker = Asker(key_of(institute))
    assert asker.get(f"stations/{capitals}").json()["serial"] == small.serial
    Series.objects.create(station=small, name="t", created_at=clock.now())
    assert asker.get(f"stations/{capitals}/series").status_code == 200
    assert asker.get("quarantine", station=capitals).status_code == 200


def test_a_live_page_of_another_case_hears_what_is_said_of_the_station(small, operator, monkeypatch):
    # Changes of the station are announced under its own spelling.
    monkeypatch.setattr(live_access, "close_old_connections", lambda: None)
    client = Client()
    client.force_login(operator.user)
    grant = live_access.grant_of(client.cookies["sessionid"].value, small.serial.upper())
    assert grant.serial == small.serial


def test_a_key_for_some_stations_takes_it_in_any_case(institute, owner, small):
    key, _secret = api_key_create(
        actor=SERVER,
        organization=institute,
        name="probe",
        is_read_only=True,
        serials=[small.serial.upper(), small.serial],
    )
    assert list(key.stations.all()) == [small]


@pytest.mark.usefixtures("no_counters")
def test_a_device_that_shows_it_in_capitals_is_the_station_that_is_known(institute, owner, operator, small):
    capitals = small.serial.upper()
    code = registration_turn_on(organization=institute, actor=owner)
    arrival_take(code=code, serial=capitals, hardware={})
    (arrival,) = arrival_list(viewer=operator)
    assert arrival.is_ours
    assert arrival_accept(actor=operator, arrival=arrival) == small
    _newcomer, _secret, shown = claim_open(serial=capitals, hardware={})
    assert claim_take(viewer=operator, organization=institute, code=shown) == small
    assert station_known(organization=institute, serial=capitals) == small
    assert Station.objects.count() == 1


def test_what_a_client_writes_of_itself_in_another_case_is_its_own_word(small):
    body = f'[{{"bn":"urn:roost:{small.serial.upper()}:","n":"t","v":1,"t":1700000000}}]'.encode()
    properties = {"type": "readings", "content_type": "application/senml+json"}
    assert decode(properties, "readings", small.serial, body)
    with pytest.raises(MessageRefused, match="claims to be from station"):
        decode(properties, "readings", small.serial + "x", body)


def test_after_retiring_it_another_case_succeeds_it_and_its_logins_go_on_counting(institute, owner, small):
    Station.objects.filter(pk=small.pk).update(generation=4)
    station_retire(station=small, actor=SERVER)
    made = station_register(actor=SERVER, organization=institute, serial=small.serial.upper())
    assert made.serial == small.serial.upper()
    assert made.generation == 4
    station_retire(station=made, actor=SERVER)
    again = station_register(actor=SERVER, organization=institute, serial=small.serial)
    assert again.generation == 4
    assert sorted(Station.objects.exclude(pk=again.pk).values_list("serial", flat=True)) == sorted(
        [f"{small.serial}~1", f"{small.serial.upper()}~2"]
    )
    station_delete(actor=owner, station=again, typed=again.serial.upper())
    again.refresh_from_db()
    assert again.deleted_at


class TestTwinsFromBefore:
    """How the migration treats stations whose serials differ only by case."""

    @pytest.fixture
    def twins(self, institute, elsewhere):
        with connection.cursor() as cursor:
            cursor.execute("DROP INDEX station_serial_once_whatever_its_case")
        serial = serial_new()
        first = station_register(actor=SERVER, organization=institute, serial=serial.lower())
        second = Station.objects.create(organization=elsewhere, serial=serial.upper(), registered_at=clock.now())
        StationContact.objects.create(station=second)
        return first, second

    @staticmethod
    def migrate() -> None:
        module = importlib.import_module("fleet.stations.migrations.0010_a_serial_is_one_whatever_its_case")
        module.twins_set_aside(apps, None)

    @staticmethod
    def heard(station) -> None:
        StationContact.objects.filter(station=station).update(last_contact_at=clock.now())

    def test_the_one_that_was_heard_keeps_the_serial_and_the_other_its_data(self, twins, caplog):
        first, second = twins
        self.heard(second)
        Series.objects.create(station=first, name="t", created_at=clock.now())
        enrolment_token_create(station=first, actor=SERVER)
        self.migrate()
        first.refresh_from_db()
        second.refresh_from_db()
        assert (first.serial, first.retired_at is None) == (f"{first.serial.partition('~')[0]}~1", False)
        assert second.retired_at is None
        assert first.series.count() == 1
        assert not first.enrolment_tokens.filter(expires_at__gt=clock.now()).exists()
        assert "differ only by case" in caplog.text
        entry = AuditEntry.objects.get(action="station.set_aside")
        assert (entry.organization_id, entry.detail["archived_as"]) == (first.organization_id, first.serial)

    def test_two_that_are_both_in_use_stop_the_update_with_a_sentence(self, twins):
        for station in twins:
            self.heard(station)
        with pytest.raises(RuntimeError, match=r"differ only by case, and both were heard of.*station retire"):
            self.migrate()
        assert not AuditEntry.objects.filter(action="station.set_aside").exists()
        assert not Station.objects.exclude(retired_at=None).exists()

    def test_archived_names_that_differ_by_case_are_numbered_on(self, twins):
        first, second = twins
        Station.objects.filter(pk=first.pk).update(serial=first.serial + "~1", retired_at=clock.now())
        Station.objects.filter(pk=second.pk).update(serial=second.serial + "~1", retired_at=clock.now())
        self.migrate()
        names = {name.upper() for name in Station.objects.values_list("serial", flat=True)}
        assert len(names) == 2
