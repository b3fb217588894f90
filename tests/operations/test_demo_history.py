"""The past of the demo's stations goes through the real pipeline, hour by hour, and their troubles are visible."""

from datetime import timedelta

import pytest
from people import institute, station_of

from fleet.alerts.models import Incident, Notification
from fleet.core import clock
from fleet.ingest.models import QuarantinedMessage
from fleet.stations.contact.hours import HEARD, LATER, MISSING, hours_of
from fleet.stations.models import Station
from fleet.telemetry.models import Detection, Reading, StreamLedger, Suspicion
from operations.running import demo_history
from operations.running.demo_history import PastStation, history_fill
from operations.running.demo_plan import BEHAVIOURS, PLACES, demo_behaviour, demo_name, demo_serial
from station_agent.simulator.season import Place, Season

__all__ = ["institute"]

pytestmark = pytest.mark.django_db

TOLD = ("normal", "wrong_clock", "noisy", "behind", "silent")


@pytest.fixture
def played(institute, monkeypatch):
    """Two days of one station of each kind: the moment at which they end, and the stations by kind."""
    monkeypatch.setattr(demo_history, "HISTORY_DAYS", 2)
    fleet = [PastStation(station_of(institute, name=behaviour), behaviour) for behaviour in TOLD]
    places = [Place(one.station.serial, *PLACES[n][1:]) for n, one in enumerate(fleet)]
    until, said = clock.now().replace(microsecond=0), []
    history_fill(fleet, season=Season(places, seed=1), until=until, say=said.append)
    assert said[0] == "the past, 0.0 of 2 days"
    found = Station.objects.select_related("contact", "organization").in_bulk([one.station.pk for one in fleet])
    return until, {one.behaviour: found[one.station.pk] for one in fleet}


def test_a_past_is_played_and_every_story_shows(played):
    until, stations = played
    assert clock.now() >= until, "the real clock is back"
    assert not QuarantinedMessage.objects.exists()
    assert not Station.objects.filter(is_in_maintenance=True).exists()
    hours = {name: hours_of(stations=[one], moment=until, hours=47)[one.pk] for name, one in stations.items()}

    assert stations["normal"].contact.last_contact_at == until
    assert hours["normal"].count(HEARD) >= 46
    assert Detection.objects.filter(station=stations["normal"], kind=Detection.Kind.TAG).count() > 100
    oldest = Reading.objects.filter(series__station=stations["normal"]).order_by("received_at").first()
    assert until - oldest.received_at > timedelta(days=1, hours=23)

    # Nothing came for nine hours, and the battery had been falling.
    silent = stations["silent"].contact
    assert until - silent.last_contact_at > timedelta(hours=9)
    assert silent.health["battery_v"] < 11.6
    assert stations["normal"].contact.health["battery_v"] > 12.2, "on any date, spring sun charges the others"
    assert hours["silent"].kinds[-2] == MISSING

    # A day's backlog came late, and the silence before it was an incident.
    assert hours["behind"].count(LATER) > 15
    assert stations["behind"].contact.last_contact_at == until
    (incident,) = Incident.objects.filter(station=stations["behind"])
    assert incident.opened_at < incident.closed_at < until
    assert "Silent since" in incident.sentence
    assert "Back since" in incident.closing_sentence
    assert not Notification.objects.exists(), "nobody gets mails about past incidents"

    pulses = {
        name: Detection.objects.filter(station=stations[name], kind=Detection.Kind.PULSE, is_used=False).count()
        for name in ("normal", "noisy")
    }
    assert pulses["noisy"] > 5 * pulses["normal"]

    assert (
        stations["wrong_clock"].contact.clock_offset_s is not None
        or Detection.objects.filter(station=stations["wrong_clock"], flags__gte=Suspicion.EPOCH).exists()
    )
    ledgers = StreamLedger.objects.filter(station__in=stations.values())
    assert [len(row.received) for row in ledgers] == [1] * len(ledgers), "every number arrived"


def test_a_fleet_of_twelve_has_one_of_each_trouble():
    fleet = [demo_behaviour(number) for number in range(12)]
    assert {name: fleet.count(name) for name in set(BEHAVIOURS) - {"normal"}} == dict.fromkeys(
        set(BEHAVIOURS) - {"normal"}, 1
    )
    assert len({demo_serial(number) for number in range(5_000)}) == 5_000
    assert (demo_name(0), demo_name(12)) == ("Pelee Tip", "Pelee Tip 2")
