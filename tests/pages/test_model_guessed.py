"""A station's model is guessed from its serial, and marked as a guess until somebody sets a model."""

from importlib import import_module

import pytest
from django.apps import apps
from people import SERVER, station_of

from fleet.stations.models import Station
from fleet.stations.models.sorting import StationModel
from fleet.stations.sorting.device_models import model_create, model_guessed, station_model_set

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known")]


@pytest.fixture
def known(db):
    """The shared models, as on a new server: tests that empty all tables leave none."""
    StationModel.objects.all().delete()
    import_module("fleet.stations.migrations.0004_labels").known_add(apps, None)


@pytest.mark.parametrize(
    ("serial", "name"),
    [
        ("SG-7F5ERPI46977", "Sensorgnome V2 (Raspberry Pi)"),
        ("SG-5113BBBK2972", "Sensorgnome V1 (BeagleBone)"),
        ("CTT-V30A1B2C3", "CTT SensorStation"),
        ("Lotek-280", "Lotek SRX"),
        ("my-own-device", "None"),
    ],
)
def test_the_serial_speaks_for_a_model(institute, serial, name):
    station = station_of(institute)
    station.serial = serial
    assert str(model_guessed(station=station)) == name


def test_a_guess_is_shown_until_somebody_says_a_model(browse, operator, institute, elsewhere):
    station = station_of(institute)
    Station.objects.filter(pk=station.pk).update(serial="Lotek-280")
    station.refresh_from_db()
    model_create(actor=SERVER, organization=elsewhere, name="SRX of others", manufacturer="Lotek", kind="receiver")
    place, guess = "/stations/Lotek-280/settings/", "Guessed from the serial: Lotek SRX."
    client = browse(operator)
    assert guess in client.get(place).content.decode()
    own = model_create(actor=SERVER, organization=institute, name="SRX800", manufacturer="Lotek", kind="receiver")
    assert "Guessed from the serial: Lotek SRX800." in client.get(place).content.decode()
    station_model_set(actor=SERVER, station=station, model=own)
    assert "Guessed from the serial" not in client.get(place).content.decode()
