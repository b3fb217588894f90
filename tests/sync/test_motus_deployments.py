"""Motus' deployments beside ours: each difference once, decided by people, told as an incident, and never guessed."""

from datetime import UTC, datetime, timedelta

import pytest
from people import SERVER, station_of

from fleet.alerts.models import Incident
from fleet.alerts.services import rules_sweep
from fleet.core import clock
from fleet.core.errors import Conflict, Forbidden, NotFound
from fleet.core.models import OutboxMessage
from fleet.core.pulses import INGEST, pulse_beat
from fleet.deployments.antennas import AntennaSaid, antennas_set
from fleet.deployments.models import Antenna
from fleet.deployments.services import deployment_begin
from fleet.deployments.sites import site_create
from fleet.lifecycle.move_station import station_move
from fleet.stations.models import History
from fleet.sync.adapters.clients import motus as motus_client
from fleet.sync.models import MotusAccount, MotusDeployment, MotusDifference
from fleet.sync.motus.accounts import account_forget, account_of, account_save
from fleet.sync.motus.deployments import deployments_read
from fleet.sync.motus.differences import (
    difference_get,
    difference_keep,
    difference_take,
    difference_words,
    differences_of,
)
from fleet.sync.motus.handover import handover_of
from fleet.sync.motus.runs import account_run, accounts_run_due
from fleet.telemetry.models import DetectionCount

pytestmark = pytest.mark.django_db
BEGAN = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def brisk(monkeypatch):
    monkeypatch.setattr(motus_client, "_backing_off", lambda _state: 0.01)


@pytest.fixture
def station(institute, owner):
    """A station on a pier with two antennas, as Motus has it."""
    made = station_of(institute)
    pier = site_create(organization=institute, actor=owner, name="Pier", latitude=54.185, longitude=7.8816)
    deployment = deployment_begin(station=made, site=pier, actor=owner, at=BEGAN)
    yagi = {"type": "yagi-6", "height_m": 7.0, "frequency_mhz": 150.1}
    antennas_set(
        deployment=deployment,
        actor=owner,
        antennas=[AntennaSaid(port=1, bearing_deg=330.0, **yagi), AntennaSaid(port=2, bearing_deg=2.0, **yagi)],
    )
    return made


def row(station, **fields):
    """A row as Motus sends it: floats with exponents, and a port that is a number here and a text there."""
    antennas = [
        {"port": 1, "antennaType": "yagi-6", "bearing": 330.0, "heightMeters": 7.0, "frequency": 150.1},
        {"port": "2", "antennaType": "yagi-6", "bearing": 358.0, "heightMeters": 7.0, "frequency": None},
    ]
    return {
        "id": 1985, "projectID": 1, "serno": station.serial.lower(), "receiverType": None, "deviceID": 703,
        "status": "active", "deployID": 3820.0, "name": "Pier_2026", "latitude": 54.1851, "longitude": 7.8817,
        "isMobile": False, "tsStart": BEGAN.timestamp(), "tsEnd": None, "antennas": antennas, **fields,
    }  # fmt: skip


@pytest.fixture
def read(motus, owner, institute):
    """Read these rows with the organization's login."""
    account_save(actor=owner, organization=institute, login="warbler", password="plain-password", project_ids=[])

    def run(*rows):
        motus.table_set("receiver/sensordeployments", list(rows))
        account_run(organization_id=institute.pk)
        return account_of(institute)

    return run


def heard(station, port=1, ago=timedelta(days=1)):
    hour = (clock.now() - ago).replace(minute=0, second=0, microsecond=0)
    DetectionCount.objects.create(station=station, hour=hour, port=port, kind=1, count=5)


def words(institute):
    return [difference_words(one) for one in differences_of(institute)]


def opened():
    pulse_beat(name=INGEST)
    rules_sweep()
    return sorted(Incident.objects.filter(closed_at=None, rule__startswith="motus").values_list("rule", "station"))


def test_the_same_on_both_sides_says_nothing(read, station, institute):
    heard(station, 2)
    assert read(row(station)).read_answer == "1 deployment read."
    assert words(institute) == []
    assert MotusDeployment.objects.get().antennas[1]["port"] == 2
    assert opened() == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"latitude": 54.19}, "Its place is 54.18500, 7.88160 here and 54.19000, 7.88170 at Motus."),
        (
            {"antennas": [{"port": 1, "frequency": 166.38, "bearing": 331.0}, {"port": 2}]},
            "Port 1 listens on 150.1 MHz here and 166.38 MHz at Motus.",
        ),
        ({"antennas": [{"port": "1"}]}, "Port 2 (yagi-6) is in use, but Motus has no antenna on it."),
        (
            {"antennas": [{"port": n, "antennaType": "omni"} for n in (1, 2, 5)]},
            "Motus has an antenna (omni) on port 5, which is not in use here.",
        ),
        ({"antennas": [{"port": 1, "bearing": 10}, {"port": 2}]}, "Port 1 points to 330° here and 10° at Motus."),
        (
            {"antennas": [{"port": 1, "heightMeters": "12"}, {"port": 2}]},
            "The antenna of port 1 is 7 m high here and 12 m at Motus.",
        ),
        ({"serno": "SG-OTHER"}, "It sends detections, but Motus has no deployment of it."),
        ({"status": "pending"}, "It sends detections, but Motus has no deployment of it."),
        ({"tsEnd": 1.777e9}, "It sends detections, but Motus has no deployment of it."),
    ],
)
def test_each_difference_is_one_sentence(read, station, institute, change, sentence):
    heard(station)
    read(row(station, **change))
    assert words(institute) == [sentence]


def test_a_port_that_hears_something_is_in_use_without_an_antenna_on_record(read, station, institute):
    heard(station, 7)
    read(row(station))
    assert words(institute) == ["Port 7 (?) is in use, but Motus has no antenna on it."]


def test_a_station_without_a_deployment_here_is_told(read, station, institute):
    other = station_of(institute)
    read(row(station), row(other, deployID=2, name="Weir"))
    assert words(institute) == ["Motus has it at Weir, but it has no deployment here."]


def test_one_that_heard_nothing_lately_need_not_be_at_motus(read, station, institute):
    heard(station, ago=timedelta(days=9))
    read(row(station, serno="SG-OTHER"))
    assert words(institute) == []


def test_an_incident_is_opened_once_and_closes_with_the_decision(read, station, owner, institute):
    heard(station)
    read(row(station, latitude=55.0))
    assert opened() == opened() == [("motus_mismatch", station.pk)]
    incident = Incident.objects.get(rule="motus_mismatch")
    assert "Its place is 54.18500, 7.88160 here and 55.00000, 7.88170 at Motus." in incident.sentence
    # Programs are not told where it is.
    told = OutboxMessage.objects.get(routing_key__endswith=".incident_opened").body
    assert (told["rule"], told["sentence"]) == ("motus_mismatch", "Differs from Motus.")
    difference = difference_get(viewer=owner, organization=institute, difference_id=MotusDifference.objects.get().pk)
    difference_keep(actor=owner, difference=difference)
    assert opened() == []
    read(row(station, latitude=55.0))
    assert opened() == []
    assert MotusDifference.objects.get().kept_by_name == "owner"
    read(row(station, latitude=56.0))
    assert opened() == [("motus_mismatch", station.pk)]
    read(row(station))
    assert opened() == []


def test_a_station_that_sends_without_a_deployment_is_an_incident(read, station, institute, owner):
    heard(station)
    read(row(station, serno="SG-OTHER"))
    assert opened() == [("motus_missing", station.pk)]
    account_forget(actor=owner, organization=institute)
    assert opened() == []
    assert not MotusDeployment.objects.exists()


def test_theirs_is_taken_into_our_deployment(read, station, owner, institute):
    read(row(station, latitude=55.0, antennas=[{"port": 1, "frequency": 166.38}, {"port": 2}]))
    for each in differences_of(institute):
        difference_take(actor=owner, difference=each)
    deployment = station.deployments.get()
    assert (deployment.latitude, deployment.longitude) == (55.0, 7.8817)
    assert list(Antenna.objects.order_by("port").values_list("port", "frequency_mhz", "bearing_deg")) == [
        (1, 166.38, 330.0),
        (2, 150.1, 2.0),
    ]
    assert words(institute) == []


def test_what_needs_thought_cannot_be_taken(read, station, owner, institute):
    heard(station, 7)
    read(row(station))
    with pytest.raises(Conflict):
        difference_take(actor=owner, difference=MotusDifference.objects.get())


def test_only_operators_of_the_organization_decide(read, station, viewer, stranger, institute, elsewhere):
    read(row(station, latitude=55.0))
    difference = MotusDifference.objects.get()
    with pytest.raises(Forbidden):
        difference_get(viewer=viewer, organization=institute, difference_id=difference.pk)
    with pytest.raises(NotFound):
        difference_get(viewer=stranger, organization=elsewhere, difference_id=difference.pk)
    for decide in (difference_keep, difference_take):
        with pytest.raises(Forbidden):
            decide(actor=stranger, difference=difference)


def test_rows_without_number_or_serial_are_counted_and_cost_only_themselves(read, station, institute):
    odd = {"antennas": "none", "tsStart": "soon", "latitude": True, "longitude": "NaN", "deployID": 7, "serno": "X"}
    account = read(row(station, deployID=None), row(station, serno=None), row(station), odd, {"projectID": 1}, None)
    assert account.read_answer == (
        "2 deployments read. Rows without a number or serial, skipped: 4. Antennas left out, because they have no "
        "port, share one, or come after the fortieth: 1. Figures and times that cannot be read: 3; they are missing."
    )
    assert MotusDeployment.objects.get(number=7).latitude is None


def test_antennas_repeats_and_figures_that_are_left_out_are_counted(read, station):
    antennas = [{"port": n, "bearing": "north" if n == 1 else 10} for n in range(45)]
    rows = [
        row(station, deployID=1, antennas=[*antennas, {"port": 1}, {"bearing": 5}, "none"]),
        row(station, deployID=1, antennas=[{"port": 1}]),
        row(station, deployID=2, antennas=[], tsEnd="", latitude=None),
    ]
    # 45 - 40 beyond the most, one on a port that is taken, one without a port, and one that is no antenna.
    assert read(*rows).read_answer == (
        "2 deployments read. Rows that repeat a number: 1; the last one counts. Antennas left out, because they have no "
        "port, share one, or come after the fortieth: 8. Figures and times that cannot be read: 1; they are "
        "missing."
    )


@pytest.mark.parametrize(
    ("faults", "sentence"),
    [
        ({"html": True}, "a web page instead of data"),
        ({"internal_error": True}, "internal error"),
        ({"empty": True}, "listed no deployments, though it had some before"),
        ({"lost_project": 1}, "does not let the login read project 1"),
        ({"truncated": True}, "cut off"),
    ],
)
def test_a_reading_that_fails_changes_nothing_and_says_why(motus, read, station, institute, faults, sentence):
    read(row(station, latitude=55.0))
    motus.faults_set(**faults)
    MotusAccount.objects.update(read_tried_at=None)
    deployments_read(account=account_of(institute))
    assert sentence in account_of(institute).read_answer
    assert len(words(institute)) == 1


def test_the_schedule_reads_what_is_due_and_leaves_refused_logins_alone(motus, read, station, institute):
    read(row(station))
    asked = len(motus.requests)
    accounts_run_due()
    assert len(motus.requests) == asked
    MotusAccount.objects.update(read_tried_at=clock.now() - timedelta(hours=2))
    accounts_run_due()
    assert len(motus.requests) == asked + 3
    MotusAccount.objects.update(read_tried_at=None, is_refused=True)
    accounts_run_due()
    assert len(motus.requests) == asked + 3


def test_the_text_to_hand_over(read, station):
    read()
    told = handover_of(station)
    assert told.text.splitlines() == [
        f"Receiver: {station.serial}",
        "Site name: Pier",
        "Start (UTC): 2026-03-01 00:00",
        "Latitude: 54.185000",
        "Longitude: 7.881600",
        "Antenna on port 1: type yagi-6, bearing 330, height (m) 7, frequency (MHz) 150.1",
        "Antenna on port 2: type yagi-6, bearing 2, height (m) 7, frequency (MHz) 150.1",
    ]
    assert told.address.endswith("/data/")
    read(row(station))
    assert handover_of(station).address == "https://motus.org/data/receiverDeployment?id=3820"


def test_the_pages_show_both_sides_and_decide(read, station, owner, institute, client, django_assert_max_num_queries):
    heard(station, 7)
    read(row(station, latitude=55.0))
    client.force_login(owner.user)
    place = f"/organizations/{institute.slug}/motus/deployments/"
    with django_assert_max_num_queries(20):
        page = client.get(place).content.decode()
    assert "55.00000, 7.88170 at Motus" in page
    beside = client.get(f"/organizations/{institute.slug}/motus/stations/{station.serial}/").content.decode()
    assert "Site name: Pier" in beside
    assert "receiverDeployment?id=3820" in beside
    one, port = differences_of(institute)
    assert client.post(f"{place}{one.pk}/decide/", {"do": "take"}, follow=True).status_code == 200
    assert client.post(f"{place}{port.pk}/decide/", {"do": "keep"}, follow=True).status_code == 200
    assert "Ours is right, says owner." in client.get(place).content.decode()
    assert client.post(f"{place}{port.pk}/decide/", {"do": "reopen"}).status_code == 302
    assert MotusDifference.objects.get().kept_at is None
    assert client.get(f"/organizations/{institute.slug}/motus/stations/NONE/").status_code == 404


def test_a_station_given_away_leaves_no_difference_behind(read, station, institute, elsewhere):
    read(row(station, latitude=55.0))
    station_move(actor=SERVER, station=station, organization=elsewhere, history=History.GOES)
    assert not MotusDifference.objects.exists()
