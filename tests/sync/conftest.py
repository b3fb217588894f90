"""A small Motus over HTTP, and stations of two organizations."""

from datetime import UTC, datetime

import pytest
from people import elsewhere, english, institute, operator, owner, stranger, viewer

from fleet.organizations.models import Organization
from fleet.stations.models import Station
from operations.simulators.motus import MotusSimulator

__all__ = ["elsewhere", "english", "institute", "operator", "owner", "stranger", "viewer"]


@pytest.fixture(autouse=True)
def _static_files_as_they_lie(settings):
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture
def make_row():
    def make(number, serial, **fields):
        return {
            "receiverID": serial,
            "motusRecvID": number,
            "recvProjectID": 1,
            "deviceID": 251,
            "macAddress": "0",
            "receiverType": "SENSORGNOME",
            "dtStart": "2016-11-19 00:00:00 +00:00",
            "deploymentStatus": "active",
            "deploymentName": "Heron Point",
            **fields,
        }

    return make


@pytest.fixture
def motus(settings):
    with MotusSimulator() as simulator:
        settings.ROOST_MOTUS_URL = simulator.url
        settings.ROOST_MOTUS_STATUS_URL = simulator.status_url
        simulator.motus.uploads = simulator.uploads
        settings.ROOST_MOTUS_LOGIN = settings.ROOST_MOTUS_PASSWORD = ""
        yield simulator.motus


@pytest.fixture
def make_station(db):
    def make(serial, *, organization="Old Cut"):
        moment = datetime.now(tz=UTC)
        owner, _ = Organization.objects.get_or_create(
            name=organization, defaults={"slug": organization.lower().replace(" ", "-"), "created_at": moment}
        )
        return Station.objects.create(organization=owner, serial=serial, registered_at=moment)

    return make
