"""A small Motus over HTTP, and stations of two organizations."""

import gzip
from datetime import UTC, datetime

import pytest
from people import elsewhere, english, institute, operator, owner, station_of, stranger, viewer
from sync.motus_files import SERIAL

from fleet.organizations.models import Organization
from fleet.stations.models import Station
from fleet.sync.models import MotusDeployment
from fleet.sync.motus.accounts import account_check, account_of, account_save
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


@pytest.fixture
def station(institute):
    made = station_of(institute)
    made.serial = SERIAL
    made.save()
    return made


@pytest.fixture
def account(motus, owner, institute, station):
    """A login that works, and the station's deployment at Motus since March."""
    account_save(actor=owner, organization=institute, login="warbler", password="plain-password", project_ids=[])
    account_check(organization_id=institute.pk)
    made = account_of(institute)
    MotusDeployment.objects.create(
        account=made, number=1, project_id=1, serial=SERIAL, match_name=SERIAL, status="active",
        starts_at=datetime(2026, 3, 1, tzinfo=UTC),
    )  # fmt: skip
    return made


@pytest.fixture
def card(settings, tmp_path):
    """A folder of files with a folder for the station."""
    settings.ROOST_MOTUS_FOLDER = str(tmp_path)

    def put(file, content=b"p1,1588309567.1,4.0,-40,-60\n", folder=SERIAL, *, is_packed=True):
        path = tmp_path / folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content, mtime=0) if is_packed and file.endswith(".gz") else content)
        return path

    return put
