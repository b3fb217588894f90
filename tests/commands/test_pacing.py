"""Pace: sent when Roost cannot keep up, to connected stations that know the command, in turns; it ends by itself."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event

import pytest
from django.db import connection
from people import SERVER, station_of
from waiting import PATIENCE_S

from fleet.commands.models import Command, Congestion
from fleet.commands.pacing import congestion_watch, pace_ask, stations_connected
from fleet.commands.services import command_issue
from fleet.core import clock
from fleet.core.errors import InvalidInput
from fleet.core.locks import session_lock
from fleet.stations.data_use import month_of
from fleet.stations.logins.broker import BrokerAccess, BrokerLoad
from fleet.stations.models import StationContact, StationDataUse
from message_queue.topology import COMMANDS_WAITING_MOST

pytestmark = pytest.mark.django_db(transaction=True)

CALM, FULL = BrokerLoad(10, has_alarm=False), BrokerLoad(500_000, has_alarm=False)


@pytest.fixture
def connected(institute):
    """A connected station that knows `pace`; besides it, one that does not and one that is away exist."""

    def make(commands, minutes):
        station = station_of(institute)
        heard = {"last_contact_at": clock.now() - timedelta(minutes=minutes), "hello": {"commands": commands}}
        StationContact.objects.update_or_create(station=station, defaults=heard)
        return station

    there = make(["ping", "pace"], 1)
    make(["ping"], 1)
    make(["ping", "pace"], 60)
    return there


def test_a_backlog_asks_connected_stations_and_ends(connected):
    moment = clock.now()
    assert congestion_watch(moment=moment, load=CALM) is None
    opened = congestion_watch(moment=moment, load=FULL)
    assert (opened.cause, opened.asked) == ("backlog", 1)
    command = Command.objects.get()
    assert (command.station, command.name, command.parameters["slowdown"]) == (connected, "pace", 4)
    assert command.expires_at - command.issued_at == timedelta(minutes=5)
    congestion_watch(moment=moment, load=FULL)
    congestion_watch(moment=moment, load=BrokerLoad(100_000, has_alarm=False))
    assert Command.objects.count() == 1
    assert congestion_watch(moment=moment, load=CALM) is None
    assert Congestion.objects.get().ended_at == moment


def test_an_alarm_asks_too(connected):
    assert congestion_watch(moment=clock.now(), load=BrokerLoad(0, has_alarm=True)).cause == "alarm"
    assert Command.objects.get().station == connected


def test_those_that_send_most_are_asked_first_whatever_they_announce(institute, monkeypatch):
    moment = clock.now()
    stations = []
    for messages, interval in ((100, 60), (90_000, 3_600), (None, 10)):
        station = station_of(institute)
        heard = {"last_contact_at": moment, "hello": {"commands": ["pace"]}, "announced_interval_s": interval}
        StationContact.objects.update_or_create(station=station, defaults=heard)
        if messages is not None:
            StationDataUse.objects.create(
                station=station,
                month=month_of(moment).date(),
                first_at=moment - timedelta(hours=2),
                messages=messages,
                payload_bytes=0,
            )
        stations.append(station)
    assert list(stations_connected(moment)) == [stations[1], stations[0], stations[2]]
    monkeypatch.setattr("fleet.commands.pacing.ASKED_MOST", 1)
    assert congestion_watch(moment=moment, load=FULL).asked == 1
    assert Command.objects.get().station == stations[1]
    # The next rounds ask the next stations, and none of them twice while its pace lasts.
    for number, station in enumerate((stations[0], stations[2]), start=2):
        assert congestion_watch(moment=moment + timedelta(seconds=number), load=FULL).asked == number
        assert Command.objects.latest("issued_at").station == station
    assert congestion_watch(moment=moment + timedelta(seconds=9), load=FULL).asked == 3


def test_a_congestion_that_lasts_asks_again_when_what_was_asked_has_ended(connected):
    moment = clock.now()
    congestion_watch(moment=moment, load=FULL)
    StationContact.objects.filter(station=connected).update(last_contact_at=moment + timedelta(minutes=15))
    assert congestion_watch(moment=moment + timedelta(minutes=14), load=FULL).asked == 1
    Command.objects.update(issued_at=moment)
    assert congestion_watch(moment=moment + timedelta(minutes=15), load=FULL).asked == 2
    assert [command.parameters["slowdown"] for command in Command.objects.all()] == [4, 4]


def test_a_look_beside_another_asks_nobody_twice(connected):
    held, done = Event(), Event()

    def other_look():
        with session_lock("commands.relief") as is_ours:
            assert is_ours
            held.set()
            done.wait(PATIENCE_S)
        connection.close()

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(other_look)
        assert held.wait(PATIENCE_S)
        assert congestion_watch(moment=clock.now(), load=FULL).asked == 0
        done.set()
        looking.result()
    assert congestion_watch(moment=clock.now(), load=FULL).asked == 1


def test_a_station_with_a_full_queue_holds_up_no_other(connected, institute, monkeypatch):
    moment = clock.now()
    full = station_of(institute)
    heard = {"last_contact_at": moment, "hello": {"commands": ["ping", "pace"]}, "announced_interval_s": 1}
    StationContact.objects.update_or_create(station=full, defaults=heard)
    for _ in range(COMMANDS_WAITING_MOST):
        command_issue(viewer=SERVER, station=full, name="ping", parameters={})
    assert next(iter(stations_connected(moment))) == full
    monkeypatch.setattr("fleet.commands.pacing.ASKED_MOST", 1)
    assert congestion_watch(moment=moment, load=FULL).asked == 1
    assert Command.objects.get(name="pace").station == connected


def test_the_real_broker_tells_its_load():
    with BrokerAccess.open() as broker:
        load = broker.load()
    assert not load.has_alarm
    assert load.waiting >= 0


def test_a_wrong_pace_is_refused(connected):
    with pytest.raises(InvalidInput):
        pace_ask(viewer=SERVER, stations=[connected], parameters={"slowdown": 0})
