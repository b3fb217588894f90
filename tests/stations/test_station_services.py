"""Registering, changing and retiring stations."""

import pytest
from people import SERVER, serial_new, station_of

from fleet.core.errors import Forbidden, InvalidInput
from fleet.stations.models import Station, StationContact
from fleet.stations.services import serial_warning, station_change, station_register

pytestmark = pytest.mark.django_db


def test_a_registered_station_is_never_seen_until_it_speaks(institute, operator):
    serial = serial_new()
    station = station_register(actor=operator, organization=institute, serial=f" {serial} ", name="Old Cut")
    assert (station.serial, station.name, station.generation) == (serial, "Old Cut", 0)
    assert station.contact.state == StationContact.State.NEVER_SEEN


@pytest.mark.parametrize("serial", ["", "SG 1", "SG.1", "SG/1", "SG#1", "*", "x" * 65, "SG-1\n2", "станция", "a\x00"])
def test_a_serial_the_broker_may_not_see_is_refused_in_one_sentence(institute, serial):
    with pytest.raises(InvalidInput, match=r"^The serial .* cannot be used on the broker: .*\.$") as refused:
        station_register(actor=SERVER, organization=institute, serial=serial)
    assert refused.value.field == "serial"
    assert not Station.objects.exists()


def test_a_serial_is_registered_once_and_nobody_is_told_whose_it_is(institute, elsewhere, operator):
    taken = station_of(elsewhere)
    for serial in (taken.serial, taken.serial.lower()):
        with pytest.raises(InvalidInput, match="already registered") as refused:
            station_register(actor=operator, organization=institute, serial=serial)
        assert "Elsewhere" not in str(refused.value)


def test_viewers_and_strangers_register_nothing(institute, viewer, stranger):
    for who in (viewer, stranger):
        with pytest.raises(Forbidden):
            station_register(actor=who, organization=institute, serial=serial_new())
    assert not Station.objects.exists()


@pytest.mark.parametrize(
    "serial",
    ["SG-7F5ERPI46977", "sg-5113bbbk2972", "SG-1013BB000626", "SG-8D21RPZ2778A_1", "Lotek-D000123", "CTT-V30B0154CD0C"],
)
def test_serials_of_known_receivers_pass_without_a_warning(serial):
    assert serial_warning(serial) is None


@pytest.mark.parametrize("serial", ["SG-63EFRPI31BE", "TEMP16", "R2D2", "SG-7F5ERPI46977x"])
def test_other_serials_are_taken_with_a_warning(institute, serial):
    assert serial in serial_warning(serial)
    assert station_register(actor=SERVER, organization=institute, serial=serial).pk


def test_only_what_is_given_is_changed(institute, operator):
    station = station_of(institute, name="Before", notes="kept")
    station_change(station=station, actor=operator, name="After", operator_interval_s=21_600.0)
    station.refresh_from_db()
    assert (station.name, station.notes, station.operator_interval_s) == ("After", "kept", 21_600.0)
    station_change(station=station, actor=operator, operator_interval_s=None)
    station.refresh_from_db()
    assert station.operator_interval_s is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "x" * 121),
        ("name", "a\x07b"),
        ("notes", "x" * 10_001),
        ("notes", "a\x00"),
        ("operator_interval_s", 59.0),
        ("operator_interval_s", float("nan")),
        ("operator_interval_s", 1e9),
    ],
)
def test_a_change_that_cannot_be_is_refused_by_its_field(institute, field, value):
    station = station_of(institute)
    with pytest.raises(InvalidInput) as refused:
        station_change(station=station, actor=SERVER, **{field: value})
    assert refused.value.field == field


def test_viewers_and_strangers_change_nothing(institute, viewer, stranger):
    station = station_of(institute)
    for who in (viewer, stranger):
        with pytest.raises(Forbidden):
            station_change(station=station, actor=who, name="Mine")
